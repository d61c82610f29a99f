import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { callbacks, layers, sequential } from 'seqloom'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { browserPath, launch, objections } from '../helpers/browser.js'
import { start } from '../helpers/cli.js'
import { writeRun } from '../helpers/records.js'

let browser: Browser
const folders: string[] = []
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'seqloom-page-'))
  folders.push(made)
  return made
}

/** Runs `seqloom dashboard` on a folder while a test looks at its page. */
async function dashboard(runs: string, look: (address: string) => Promise<void>): Promise<void> {
  const command = start(['dashboard', runs, '--json'])
  try {
    await command.says('"address"')
    await look(JSON.parse(command.printed()).address)
  } finally {
    command.kill('SIGINT')
    expect((await command.done).code).toBe(0)
  }
}

/** A page at an address, and what it reports of errors and of requests to elsewhere. */
async function open(address: string, size = { width: 1200, height: 900 }): Promise<{ page: Page; problems: string[] }> {
  const page = await browser.newPage({ viewport: size })
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(new URL(address).origin) && !url.startsWith('data:')) problems.push(url)
  })
  await page.goto(address)
  return { page, problems }
}

const readout = (page: Page, title: string) =>
  page
    .locator('figure', { has: page.getByRole('heading', { name: title, exact: true }) })
    .locator('.readout')
    .first()

describe.skipIf(!browserPath)('the page of a training', () => {
  beforeAll(async () => {
    browser = await launch()
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
  })
  afterAll(async () => {
    await browser?.close()
    for (const each of folders) rmSync(each, { recursive: true, force: true })
  })

  it('shows curves that move; a reload and a second page show the past; it ends with the training', async () => {
    const logDir = folder()
    const model = sequential([
      layers.embedding({ inputDim: 9, outputDim: 4 }),
      layers.lstm({ units: 4 }),
      layers.dense({ units: 2, activation: 'softmax' }),
    ])
    model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
    const x = Array.from({ length: 64 }, (_, row) => [row % 9, (row * 5) % 9, (row * 7) % 9])
    const y = Int32Array.from(x, ([first = 0]) => Number(first > 4))
    let address = ''
    let shown: Awaited<ReturnType<typeof open>> | undefined
    const seen: string[] = []
    await model.fit(x, y, {
      epochs: 4,
      validationSplit: 0.25,
      callbacks: [
        callbacks.dashboard({
          ...{ logDir, pictureFreq: 1, confusion: { x, y, labels: ['low', 'high'] } },
          states: { x: [1, 2, 3], tokens: ['a', 'b', 'c'] },
          samples: () => 'a text',
          onListening: (at) => {
            address = at
          },
        }),
        {
          async onEpochEnd(epoch) {
            shown ??= await open(address)
            await expect.poll(() => readout(shown?.page as Page, 'loss').textContent()).toContain(`Epoch ${epoch + 1}:`)
            seen.push((await readout(shown.page, 'loss').textContent()) as string)
            if (epoch !== 2) return
            await shown.page.reload()
            await expect.poll(() => readout(shown?.page as Page, 'loss').textContent()).toBe(seen[2])
            await shown.page.getByText('Numbers of loss').click()
            const numbers = shown.page.getByRole('region', { name: 'Numbers of loss' }).getByRole('row')
            await expect.poll(() => numbers.count()).toBe(4)
            const second = await open(address)
            await expect.poll(() => readout(second.page, 'accuracy').textContent()).toContain('validation')
            for (const name of ['Confusion matrix', 'Hidden states', 'Distribution of gradients', 'Written texts']) {
              await second.page.getByRole('heading', { name, exact: true }).waitFor()
            }
          },
        },
      ],
    })
    expect(new Set(seen).size).toBe(4)
    const { page, problems } = shown as NonNullable<typeof shown>
    await expect.poll(() => page.locator('#status').textContent()).toContain('The training has ended')
    await expect.poll(() => page.locator('#runs').textContent()).toContain('done')
    expect(problems).toEqual([])
    await expect(fetch(address)).rejects.toThrow()
  })

  it('says that a killed training is gone, and so does its record', async () => {
    const runs = folder()
    const program = fileURLToPath(new URL('../helpers/programs/watched.mjs', import.meta.url))
    const child = spawn(process.execPath, [program, runs], { stdio: ['ignore', 'pipe', 'inherit'] })
    const address = await new Promise<string>((resolve) => {
      child.stdout.once('data', (text: Buffer) => resolve(text.toString().trim()))
    })
    const { page } = await open(address)
    await expect.poll(() => readout(page, 'loss').textContent()).toContain('Epoch')
    child.kill('SIGKILL')
    await expect
      .poll(() => page.locator('#status').textContent(), { timeout: 10_000 })
      .toContain('may have been stopped')
    expect(await page.locator('#runs').textContent()).toContain('not heard of')
    await dashboard(runs, async (again) => {
      const { page } = await open(again)
      await expect.poll(() => page.locator('#runs').textContent()).toContain('ended without a word')
      expect(await readout(page, 'loss').textContent()).toContain('Epoch')
    })
  })

  it('shows a thousand epochs and ten runs beside each other, by keys alone, and axe finds nothing', async () => {
    const runs = folder()
    for (let run = 1; run <= 10; run++) writeRun(runs, `run-${'x'.repeat(run)}`, run === 10 ? 1000 : 30)
    await dashboard(runs, async (address) => {
      const { page, problems } = await open(address)
      await expect.poll(() => page.locator('#runs tbody tr').count()).toBe(10)
      await expect.poll(() => readout(page, 'loss').textContent()).toContain('Epoch 1000')
      for (let run = 1; run <= 10; run++)
        await expect.poll(() => readout(page, 'loss').textContent()).toContain(`run-${'x'.repeat(run)} `)
      for (const theme of ['light', 'dark']) {
        await page.getByLabel('Colours').selectOption(theme)
        expect(await objections(page), theme).toEqual([])
      }
      const chart = page.getByRole('slider', { name: 'loss by epoch' })
      await chart.focus()
      await page.keyboard.press('Home')
      await page.keyboard.press('ArrowRight')
      await expect.poll(() => chart.getAttribute('aria-valuetext')).toContain('Epoch 2:')
      await page.getByRole('slider', { name: 'Epoch', exact: true }).focus()
      await page.keyboard.press('Home')
      await expect
        .poll(() => page.getByRole('region', { name: 'Written texts' }).textContent())
        .toContain('written after 1')
      await page.getByLabel('Look inside run-xxx', { exact: true }).focus()
      await page.keyboard.press('Space')
      await expect.poll(() => page.locator('#inside-run').textContent()).toBe('run-xxx')
      expect(problems).toEqual([])
    })
  })

  it('fits a telephone, and a screen at 400%', async () => {
    const runs = folder()
    writeRun(runs, 'one', 5)
    await dashboard(runs, async (address) => {
      // 1280 pixels at 400% are 320 wide, as WCAG 1.4.10 has it.
      const { page } = await open(address, { width: 320, height: 256 })
      await expect.poll(() => readout(page, 'loss').textContent()).toContain('Epoch 5')
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320)
      expect(await objections(page)).toEqual([])
    })
  })
})

it('the page and what it needs take at most 600 kB', () => {
  const path = fileURLToPath(new URL('../../dist/dashboard', import.meta.url))
  const files = readdirSync(path).filter((name) => !name.includes('.d.'))
  expect(files.sort()).toEqual(['THIRD-PARTY-LICENSES.txt', 'index.html', 'page.css', 'page.js'])
  expect(files.reduce((sum, name) => sum + readFileSync(join(path, name)).length, 0)).toBeLessThan(600_000)
})
