// Prints what GitHub's language service has against workflows and actions: `look.mjs FILE...`.
import fs from "node:fs";
import { register } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const ROOT = new URL("../../../", import.meta.url);
const MODULES = new URL("target/tools/languageservice/node_modules/", ROOT);

/** The actions whose inputs are known, by the end of their names; the artifact actions by their replacements. */
const ACTIONS = {
  longshore: "action.yml",
  "upload-artifact": "tests/tools/act/upload-artifact/action.yml",
  "download-artifact": "tests/tools/act/download-artifact/action.yml",
};

// Its files import JSON as a bundler would let them, and Node does not.
const LOADER = `
import fs from "node:fs";
export const load = (url, context, next) => url.endsWith(".json")
  ? { format: "module", shortCircuit: true, source: "export default " + fs.readFileSync(new URL(url), "utf8") }
  : next(url, context);
`;
register(`data:text/javascript,${encodeURIComponent(LOADER)}`);
const { validate } = await import(new URL("@actions/languageservice/dist/index.js", MODULES));
const { registerLogger } = await import(new URL("@actions/languageservice/dist/log.js", MODULES));
const { TextDocument } = await import(new URL("vscode-languageserver-textdocument/lib/esm/main.js", MODULES));
const { parse } = await import(new URL("yaml/dist/index.js", MODULES));

function finding(text) {
  console.log(text);
  process.exitCode = 1;
}

async function look(file) {
  // Where it gives up it only logs.
  const broken = (message) => finding(`${file}: ${message}`);
  registerLogger({ error: broken, warn: broken, info() {}, log() {} });
  const document = TextDocument.create(pathToFileURL(file).href, "yaml", 1, fs.readFileSync(file, "utf8"));
  const repository = path.join(path.dirname(file), "../..");
  const config = {
    fileProvider: {
      getFileContent: async ({ path: name }) => ({ name, content: fs.readFileSync(path.join(repository, name), "utf8") }),
    },
    actionsMetadataProvider: {
      fetchActionMetadata: async ({ name }) =>
        name in ACTIONS ? parse(fs.readFileSync(new URL(ACTIONS[name], ROOT), "utf8")) : {},
    },
  };
  for (const { range, message } of await validate(document, config)) {
    finding(`${file}:${range.start.line + 1}:${range.start.character + 1}: ${message}`);
  }
}

for (const file of process.argv.slice(2)) {
  await look(path.resolve(file));
}
