// Prints the files of a context that BuildKit's own conversion of a Dockerfile makes it read.
//
// Every file of the context is laid out anew with its own path as its content. Then each copy of the resulting build
// graph is carried out with BuildKit's copier, and what arrives tells where it came from.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	gofs "io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/containerd/continuity/fs"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/patternmatcher/ignorefile"
	digest "github.com/opencontainers/go-digest"
	"github.com/tonistiigi/fsutil"
	copier "github.com/tonistiigi/fsutil/copy"
)

// resolver knows every image: an empty one of the asked platform, with the triggers given for it.
type resolver struct{ onbuild map[string][]string }

func (r resolver) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config := map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]any{"OnBuild": r.onbuild[short(ref)]},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest.FromString(ref).String()}}}
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		config["architecture"] = opt.ImageOpt.Platform.Architecture
	}
	dt, err := json.Marshal(config)
	return ref, digest.FromString(ref), dt, err
}

func short(ref string) string {
	return strings.TrimSuffix(strings.TrimPrefix(ref, "docker.io/library/"), ":latest")
}

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	var args, onbuild list
	file := flag.String("file", "Dockerfile", "")
	root := flag.String("context", ".", "")
	target := flag.String("target", "", "")
	platform := flag.String("platform", "linux/amd64", "")
	flag.Var(&args, "arg", "")
	flag.Var(&onbuild, "onbuild", "IMAGE=INSTRUCTION")
	flag.Parse()
	if err := run(*file, *root, *target, *platform, args, onbuild); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file, root, target, platform string, args, onbuild list) error {
	ctx := context.Background()
	dt, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	p, err := platforms.Parse(platform)
	if err != nil {
		return err
	}
	buildArgs := map[string]string{}
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		buildArgs[k] = v
	}
	triggers := map[string][]string{}
	for _, a := range onbuild {
		k, v, _ := strings.Cut(a, "=")
		triggers[k] = append(triggers[k], v)
	}
	caps := pb.Caps.CapSet(pb.Caps.All())
	res, err := dockerfile2llb.Dockerfile2LLB(ctx, dt, dockerfile2llb.ConvertOpt{
		Config:         dockerui.Config{BuildArgs: buildArgs, Target: target},
		TargetPlatform: &p,
		MetaResolver:   resolver{triggers},
		LLBCaps:        &caps,
	})
	if err != nil {
		return err
	}
	def, err := res.State.Marshal(ctx)
	if err != nil {
		return err
	}
	staged, err := os.MkdirTemp("", "llb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staged)
	if err := stage(ctx, file, root, staged); err != nil {
		return err
	}
	found := map[string]struct{}{}
	if err := walk(ctx, def, staged, found); err != nil {
		return err
	}
	paths := make([]string, 0, len(found))
	for path := range found {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	for _, path := range paths {
		fmt.Println(path)
	}
	return nil
}

// stage lays out what the engine would be sent.
func stage(ctx context.Context, file, root, to string) error {
	dt, err := os.ReadFile(file + ".dockerignore")
	if err != nil {
		if dt, err = os.ReadFile(filepath.Join(root, ".dockerignore")); err != nil {
			dt = nil
		}
	}
	excludes, err := ignorefile.ReadAll(bytes.NewReader(dt))
	if err != nil {
		return err
	}
	return fsutil.WalkDir(ctx, root, &fsutil.FilterOpt{ExcludePatterns: excludes}, func(path string, entry gofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := filepath.Join(to, path)
		switch {
		case entry.IsDir():
			return os.MkdirAll(at, 0o755)
		case entry.Type()&os.ModeSymlink != 0:
			link, err := os.Readlink(filepath.Join(root, path))
			if err != nil {
				return err
			}
			return os.Symlink(link, at)
		default:
			return os.WriteFile(at, []byte(path), 0o644)
		}
	})
}

func walk(ctx context.Context, def *llb.Definition, staged string, found map[string]struct{}) error {
	ops := map[string]*pb.Op{}
	for _, dt := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(dt); err != nil {
			return err
		}
		ops[digest.FromBytes(dt).String()] = &op
	}
	local := func(op *pb.Op, index int64) bool {
		if index < 0 || index >= int64(len(op.Inputs)) {
			return false
		}
		source := ops[op.Inputs[index].Digest].GetSource()
		return source != nil && source.Identifier == "local://context"
	}
	for _, op := range ops {
		for _, action := range op.GetFile().GetActions() {
			if c := action.GetCopy(); c != nil && local(op, action.SecondaryInput) {
				if err := carryOut(ctx, c, staged, found); err != nil {
					return err
				}
			}
		}
		for _, mount := range op.GetExec().GetMounts() {
			if local(op, mount.Input) {
				at, err := fs.RootPath(staged, mount.Selector)
				if err != nil {
					return err
				}
				if err := collect(at, found); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func carryOut(ctx context.Context, c *pb.FileActionCopy, staged string, found map[string]struct{}) error {
	sources := []string{c.Src}
	if c.AllowWildcard {
		var err error
		if sources, err = copier.ResolveWildcards(staged, c.Src, c.FollowSymlink); err != nil {
			return err
		}
	}
	for _, source := range sources {
		to, err := os.MkdirTemp("", "llb-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(to)
		err = copier.Copy(ctx, staged, source, to, "/to/", func(ci *copier.CopyInfo) {
			ci.IncludePatterns = c.IncludePatterns
			ci.ExcludePatterns = c.ExcludePatterns
			ci.CopyDirContents = c.DirCopyContents
			ci.FollowLinks = c.FollowSymlink
		})
		if err != nil {
			return err
		}
		for _, path := range c.RequiredPaths {
			inside, err := filepath.Rel(c.Src, path)
			if err != nil {
				return err
			}
			// BuildKit asks its cache for the path itself, and the source alone is not in there.
			if _, err := os.Lstat(filepath.Join(to, "to", inside)); err != nil || inside == "." {
				return fmt.Errorf("%s: not found", path)
			}
		}
		if err := collect(to, found); err != nil {
			return err
		}
	}
	return nil
}

func collect(at string, found map[string]struct{}) error {
	return filepath.WalkDir(at, func(path string, entry gofs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		dt, err := os.ReadFile(path)
		found[string(dt)] = struct{}{}
		return err
	})
}
