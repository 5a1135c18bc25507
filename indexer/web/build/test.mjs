// Runs the tests of a folder: bundles each for Node, for versions that do not read TypeScript, and hands them to its runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { build } from "vite";

const folder = process.argv[2];
const tests = readdirSync(folder).filter((name) => name.endsWith(".test.ts") || name.endsWith(".test.tsx"));
// Below the project, so that packages are found.
const out = mkdtempSync(resolve("../../node_modules/.tests-"));
try {
  await build({
    configFile: false,
    logLevel: "warn",
    build: {
      ssr: true,
      target: "node20",
      outDir: out,
      emptyOutDir: false,
      rollupOptions: {
        input: Object.fromEntries(tests.map((name) => [basename(name).replace(/\.tsx?$/, ""), join(folder, name)])),
      },
    },
  });
  const files = readdirSync(out)
    .filter((name) => name.includes(".test."))
    .map((name) => join(out, name));
  const { status } = spawnSync(process.execPath, ["--test", ...process.argv.slice(3), ...files], { stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
