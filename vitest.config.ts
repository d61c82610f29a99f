import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those of the packed package and of the site have runners of their own, `npm run test:package` and `npm run test:docs`.
    exclude: ['test/package/**', 'test/site/**'],
    globalSetup: 'test/helpers/temporary.ts',
    // Processes, not worker threads: a test that ends its process must not take the others with it.
    pool: 'forks',
    // Timings and memory are measured in some files, so only one file runs at a time.
    fileParallelism: false,
    testTimeout: 60_000,
    // What a page shows comes later on a busy machine.
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 60_000,
    // The package is tested as Node loads it, not as Vite would transform it.
    server: { deps: { external: [/\/dist\//] } },
  },
})
