// Makes dist/: pages with the style sheet under a name that follows from its content, and the server.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

const [, , style = "page.css", out = "dist"] = process.argv;
const css = readFileSync(style);
const name = `page-${createHash("sha256").update(css).digest("hex").slice(0, 8)}.css`;
mkdirSync(`${out}/public`, { recursive: true });
writeFileSync(`${out}/public/${name}`, css);
for (const page of readdirSync("pages").sort()) {
  writeFileSync(`${out}/public/${page}`, readFileSync(`pages/${page}`, "utf8").replaceAll("{{style}}", name));
}
cpSync("src/server.js", `${out}/server.js`);
cpSync("src/table.js", `${out}/table.js`);
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
writeFileSync(`${out}/package.json`, JSON.stringify({ name: "fleet-web", version, type: "module" }) + "\n");
