// Draws docs/dashboard.png: the live page while a network learns to write like Shakespeare, in Chromium (`CHROMIUM` names it).
//
//   node scripts/pictures/live-page.mjs [tinyshakespeare.txt] [epochs]
//
// Without a file, data/tinyshakespeare.txt in the folder SEQLOOM_SHARED is read. The picture is taken in the last epoch.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { callbacks, tasks } from 'seqloom'
import { root } from '../run.mjs'

const file = process.argv[2] ?? join(process.env.SEQLOOM_SHARED ?? '../shared', 'data', 'tinyshakespeare.txt')
const epochs = Number(process.argv[3] ?? 8)
const logDir = mkdtempSync(join(tmpdir(), 'seqloom-live-page-'))
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
const page = await browser.newPage({ viewport: { width: 1100, height: 1000 } })

let opened
let taken
const generator = new tasks.TextGenerator({ units: 128, layers: 2, tokens: 'character', seed: 1 })
await generator.train(readFileSync(file, 'utf8'), {
  epochs,
  callbacks: [
    callbacks.dashboard({
      ...{ logDir, name: 'shakespeare', pictureFreq: 1 },
      onListening: (address) => {
        opened = page.goto(address)
      },
    }),
  ],
  onProgress({ epoch, done, total }) {
    if (epoch === epochs && done > total / 3) taken ??= take()
  },
  onEpoch: ({ epoch, loss, valLoss }) =>
    console.log(`epoch ${epoch}/${epochs}  loss ${loss.toFixed(3)}  validation ${valLoss.toFixed(3)}`),
})
await taken
await browser.close()
rmSync(logDir, { recursive: true, force: true })

async function take() {
  await opened
  // What is drawn follows what is sent.
  await page.waitForTimeout(1500)
  await page.screenshot({ path: join(root, 'docs', 'dashboard.png') })
  console.log('drawn in docs/dashboard.png')
}
