// Validates an AsyncAPI document as the AsyncAPI tools do: prints what is wrong, exit code 1 if so.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const names = ["error", "warning", "information", "hint"];
for (const d of diagnostics) {
  console.log(`${names[d.severity]}: ${d.path.join(".")}: ${d.message}`);
}
process.exit(diagnostics.some((d) => d.severity <= 1) ? 1 : 0);
