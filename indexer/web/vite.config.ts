import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** What opening the page may load, compressed, in bytes. */
const MOST = 250_000;

/** Compresses every file beside itself, and fails when the first load is too large. */
function compress(): Plugin {
  let firstLoad = new Set<string>();
  return {
    name: "compress",
    apply: "build",
    generateBundle(_, bundle) {
      const entry = Object.values(bundle).find((file) => file.type === "chunk" && file.isEntry);
      firstLoad = new Set(["index.html", ...Object.keys(bundle).filter((name) => name.endsWith(".css"))]);
      const add = (name: string) => {
        const file = bundle[name];
        if (file?.type !== "chunk" || firstLoad.has(name)) return;
        firstLoad.add(name);
        file.imports.forEach(add);
      };
      if (entry) add(entry.fileName);
    },
    writeBundle({ dir = "dist" }) {
      let bytes = 0;
      for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
        if (!/\.(html|js|css|svg)$/.test(name)) continue;
        const content = readFileSync(join(dir, name));
        const small = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
        writeFileSync(join(dir, `${name}.br`), small);
        writeFileSync(join(dir, `${name}.gz`), gzipSync(content, { level: 9 }));
        if (firstLoad.has(name)) bytes += small.length;
      }
      const kb = Math.round(bytes / 100) / 10;
      writeFileSync(join(dir, ".first-load.json"), `${JSON.stringify({ kb })}\n`);
      if (bytes > MOST) throw new Error(`the first load is ${kb} kB compressed; at most ${MOST / 1000} are allowed`);
      console.log(`first load: ${kb} kB compressed`);
    },
  };
}

/** Libraries mark modules for servers that render React, which is not the case here. */
function quiet(warning: { code?: string }, warn: (warning: never) => void): void {
  if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning as never);
}

export default defineConfig({
  // Data URLs would need another policy, and styles come as a file.
  build: {
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
    target: "es2022",
    rolldownOptions: { onwarn: quiet },
  },
  plugins: [compress()],
  server: { proxy: { "/v1": "http://127.0.0.1:8547", "/ready": "http://127.0.0.1:8547" } },
});
