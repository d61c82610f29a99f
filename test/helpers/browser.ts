import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
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

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe objects to. */
export async function objections(page: Page): Promise<string[]> {
  // The page itself allows no scripts but its own.
  await page.evaluate(axe)
  return await page.evaluate(async () => {
    const { violations } = await (
      globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }
    ).axe.run()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
  })
}
