// The page, rendered from the register of ships: GET /, /health and what lies in public/.
import { readFileSync, existsSync } from "node:fs";
import { createServer, get } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { table } from "./table.js";

const here = dirname(fileURLToPath(import.meta.url));
const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const [host, port] = (process.env.FLEET_LISTEN ?? "0.0.0.0:8080").split(":");
const types = { css: "text/css", html: "text/html; charset=utf-8", txt: "text/plain" };

if (process.argv[2] === "--version") {
  console.log(`fleet-web ${version}`);
} else if (process.argv[2] === "--check") {
  get(`http://127.0.0.1:${port}/health`, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1))
    .on("error", () => process.exit(1));
} else {
  serve(JSON.parse(readFileSync(process.env.FLEET_REGISTER ?? "/etc/fleet/ships.json", "utf8")));
}

function serve(ships) {
  const server = createServer((request, response) => {
    const answer = (status, type, body) => response.writeHead(status, { "content-type": type }).end(body);
    if (request.url === "/health") {
      return answer(200, "application/json", JSON.stringify({ status: "ok", version, ships: ships.length }));
    }
    const path = request.url === "/" ? "/index.html" : request.url;
    const file = /^\/[\w.-]+$/.test(path) ? join(here, "public", path) : "";
    if (!existsSync(file)) {
      return answer(404, types.html, readFileSync(join(here, "public", "404.html")));
    }
    const body = readFileSync(file, "utf8").replace("<!--ships-->", () => table(ships));
    answer(200, types[file.split(".").at(-1)] ?? "application/octet-stream", body);
  });
  server.listen(Number(port), host, () => console.log(`listening on http://${host}:${server.address().port}`));
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
}
