// What actions/upload-artifact v4 does with its inputs, around the same library (found by NODE_PATH).
const fs = require("fs");
const path = require("path");
const core = require("@actions/core");
const glob = require("@actions/glob");
const { DefaultArtifactClient } = require("@actions/artifact");

/** The files, and the folder that their names in the artifact are relative to. */
async function find(patterns, excludeHiddenFiles) {
  const globber = await glob.create(patterns, { implicitDescendants: true, omitBrokenSymbolicLinks: true, excludeHiddenFiles });
  const files = (await globber.glob()).filter((file) => !fs.statSync(file).isDirectory());
  const from = globber.getSearchPaths();
  if (from.length === 1) {
    return [files, files.length === 1 && from[0] === files[0] ? path.dirname(files[0]) : from[0]];
  }
  return [files, common(from)];
}

/** The deepest folder above all of them. */
function common(paths) {
  const [first, ...others] = paths.map((one) => path.normalize(one).split(path.sep));
  const end = first.findIndex((part, place) => others.some((other) => other[place] !== part));
  return first.slice(0, end === -1 ? first.length : end).join(path.sep) || path.sep;
}

async function main() {
  const name = core.getInput("name");
  const [files, root] = await find(core.getInput("path", { required: true }), !core.getBooleanInput("include-hidden-files"));
  if (files.length === 0) {
    const say = { warn: core.warning, error: core.setFailed, ignore: core.info }[core.getInput("if-no-files-found")];
    say(`No files were found with the provided path: ${core.getInput("path")}. No artifacts will be uploaded.`);
    return;
  }
  const client = new DefaultArtifactClient();
  if (core.getBooleanInput("overwrite")) {
    await client.deleteArtifact(name).catch((error) => core.debug(`nothing to overwrite: ${error.message}`));
  }
  const done = await client.uploadArtifact(name, files, root, {
    retentionDays: Number(core.getInput("retention-days")) || undefined,
    compressionLevel: Number(core.getInput("compression-level")),
  });
  core.setOutput("artifact-id", done.id);
  core.setOutput("artifact-digest", done.digest);
}

main().catch((error) => core.setFailed(error.message));
