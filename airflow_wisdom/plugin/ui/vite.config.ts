import { resolve } from "node:path";

import { defineConfig } from "vitest/config";

export default defineConfig({
  build: {
    // The one file that Airflow serves, beside the Python module that names it.
    outDir: resolve(import.meta.dirname, "../static"),
    emptyOutDir: false,
    copyPublicDir: false,
    target: "es2022",
    lib: { entry: "src/main.tsx", formats: ["iife"], name: "AmazonConnect", fileName: () => "amazon-connect.js" },
    rolldownOptions: {
      // Airflow's UI has them already, and shares them: a second React could not take part in its page.
      external: ["react", "react/jsx-runtime", "react-router-dom"],
      output: {
        globals: { react: "React", "react/jsx-runtime": "ReactJSXRuntime", "react-router-dom": "ReactRouterDOM" },
      },
    },
  },
  // A machine may be busy with other things.
  test: { testTimeout: 60_000, environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"], restoreMocks: true, unstubGlobals: true },
});
