import type { Server } from 'node:http'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserPath, launch, objections } from '../helpers/browser.js'
import { readPages, serveSite } from '../helpers/site.js'

// Of the pages that TypeDoc makes, which are alike, one of each kind.
const written = [...readPages().keys()].filter((name) => !/^(api|sources)\//.test(name) && name !== '404.html')
const made = ['seqloom/', 'seqloom/namespaces/layers/', 'seqloom/namespaces/layers/functions/lstm.html'].map(
  (name) => `api/${name}`,
)

let browser: Browser
let server: Server
let origin = ''

describe.skipIf(!browserPath)('the pages in a browser', () => {
  beforeAll(async () => {
    ;({ server, origin } = await serveSite())
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    server?.close()
  })

  it.each(['light', 'dark'] as const)('have nothing that axe objects to, in %s colours', async (colorScheme) => {
    const page = await browser.newPage({ colorScheme, reducedMotion: 'reduce' })
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('request', (request) => {
      if (!request.url().startsWith(origin) && !request.url().startsWith('data:')) problems.push(request.url())
    })
    for (const name of [...written, ...made]) {
      await page.goto(`${origin}/${name}`)
      problems.push(...(await objections(page)).map((words) => `${name}: ${words}`))
    }
    expect(problems).toEqual([])
    await page.close()
  })

  it('fit a narrow window', async () => {
    const page = await browser.newPage({ viewport: { width: 320, height: 640 } })
    const wide: string[] = []
    for (const name of [...written, ...made]) {
      await page.goto(`${origin}/${name}`)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      if (Number(width) > 320) wide.push(`${name}: ${width}`)
    }
    expect(wide).toEqual([])
    await page.close()
  })

  it('are found by their words, without any other server', async () => {
    const page = await browser.newPage()
    // The button does nothing before the page's scripts run.
    await page.goto(`${origin}/`, { waitUntil: 'networkidle' })
    await page.getByRole('button', { name: 'Search' }).first().click()
    const box = page.getByRole('searchbox')
    await box.fill('earlyStopping')
    await page.locator('.result').first().waitFor()
    expect(await page.locator('.result').allInnerTexts()).toContainEqual(expect.stringContaining('earlyStopping'))
    await box.press('Enter')
    await page.waitForURL(/earlystopping|callbacks/i)
    await page.close()
  })
})
