// What actions/download-artifact does with its inputs, around the same library (found by NODE_PATH).
const os = require("os");
const path = require("path");
const core = require("@actions/core");
const { minimatch } = require("minimatch");
const { DefaultArtifactClient } = require("@actions/artifact");

/** The artifacts asked for; one that is named must exist, and of several none need. */
async function wanted(client, name, pattern) {
  if (name) {
    return [(await client.getArtifact(name)).artifact];
  }
  const { artifacts } = await client.listArtifacts({ latest: true });
  return artifacts.filter((artifact) => !pattern || minimatch(artifact.name, pattern));
}

async function main() {
  const [name, pattern] = [core.getInput("name"), core.getInput("pattern")];
  const to = path.resolve((core.getInput("path") || process.env.GITHUB_WORKSPACE).replace(/^~/, os.homedir()));
  const together = Boolean(name) || core.getBooleanInput("merge-multiple");
  const client = new DefaultArtifactClient();
  for (const artifact of await wanted(client, name, pattern)) {
    const folder = together ? to : path.join(to, artifact.name);
    const { digestMismatch } = await client.downloadArtifact(artifact.id, { path: folder, expectedHash: artifact.digest });
    if (digestMismatch) {
      throw new Error(`${artifact.name} is not what was uploaded`);
    }
  }
  core.setOutput("download-path", to);
}

main().catch((error) => core.setFailed(error.message));
