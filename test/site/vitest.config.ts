import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['test/site/**/*.test.ts'], fileParallelism: false, testTimeout: 300_000, hookTimeout: 60_000 },
})
