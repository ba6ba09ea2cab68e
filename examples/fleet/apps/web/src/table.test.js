import assert from "node:assert";
import test from "node:test";
import { table } from "./table.js";

test("names cannot bring tags", () => {
  assert.ok(table([{ name: "<b>", length: 3 }]).includes("<td>&#60;b&#62;</td><td>3 m</td>"));
});
