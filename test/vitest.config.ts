import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    reporters: ['default', new URL('./closing-line.ts', import.meta.url).pathname],
    testTimeout: 60_000,
    // Browsers, kernels and other programs keep their own time; what is wrong fails every time.
    retry: process.env.CI ? 2 : 0,
  },
});
