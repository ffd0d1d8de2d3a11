import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/system/**/*.test.ts'],
    setupFiles: ['test/support/scratch-home.ts'],
    testTimeout: 900_000,
    hookTimeout: 120_000,
    // Two, as there are cores: much of it waits for strace and for disks.
    maxWorkers: 2,
  },
})
