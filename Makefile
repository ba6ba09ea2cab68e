# What a person types. Each target is one line here and one script or cargo call below.
.DEFAULT_GOAL := help
.PHONY: help demo test proof bench lint tools

# Children inherit these; nothing is read from or written to the user's own folders but cargo's, pip's and go's caches.
export PATH := $(CURDIR)/target/tools/bin:$(PATH)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: ## release an example against servers in this process and show what was published: EXAMPLE=harbor (minutes when cold, one after) fleet (Dockerfiles; BASES=LAYOUT) or service (the build service)
	@cargo build --quiet --locked --bin longshore
	@EXAMPLE='$(EXAMPLE)' BASES='$(BASES)' tools/demo.sh target/debug/longshore

test: tools ## every test; installs pinned test tools first and ends with the test runner's own lines
	@cargo test --locked --no-fail-fast --lib --bins --test it --test tools

proof: tools ## what takes long or needs root: third-party projects, 2 GB files, cross builds, images, a Kubernetes; ends in a table
	@python3 tools/install.py proof
	@cargo build --quiet --locked --release --bin longshore
	@python3 tests/proof/run.py target/release/longshore

bench: tools ## side by side with dist (built once, takes minutes), crane, buildah and gzip; ends in tables
	@python3 tools/install.py bench
	@cargo build --quiet --locked --release --bin longshore
	@python3 benches/run.py target/release/longshore

lint: tools ## formatting, clippy and the workflow linters
	@cargo fmt --check
	@cargo clippy --locked --all-targets -- --deny warnings
	@cargo clippy --locked --test tools -- --deny warnings
	@actionlint
	@zizmor --offline --quiet .github/workflows action.yml

tools: ## pinned test tools into target/tools; does nothing when they are there
	@python3 tools/install.py test
