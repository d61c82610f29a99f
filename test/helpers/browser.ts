import { spawnSync } from 'node:child_process'
import type { Browser } from 'playwright-core'
import { chromium } from 'playwright-core'

/** The program of the browser, if there is one: of `CHROMIUM`, or Debian's. */
export const browserPath = [process.env.CHROMIUM ?? '', 'chromium', 'chromium-browser', 'google-chrome']
  .filter((name) => name !== '')
  .map((name) => spawnSync('sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' }).stdout?.trim())
  .find((path) => path)

if (!browserPath) console.warn('no Chromium: tests of pages are skipped; install chromium, or name it by CHROMIUM')

/** Starts the browser without a window. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: browserPath as string, args: ['--no-sandbox'] })
