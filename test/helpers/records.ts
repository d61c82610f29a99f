import { mkdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

const layers = ['embedding', 'lstm', 'dense']

/** Writes the record of a run that came to its end, as the callback writes it. */
export function writeRun(folder: string, name: string, epochs: number, { ended = true, pid = process.pid } = {}): void {
  const start = Date.UTC(2026, 0, 1) + name.length
  const events: object[] = [
    {
      ...{ type: 'start', version: 1, seqloom: '0.1.0', name, time: start, pid, host: hostname(), epochs, steps: 10 },
      model: { name: 'sequential', parameters: 10, summary: 'Model: "sequential"' },
    },
  ]
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const [loss, time] = [1 / epoch, start + epoch * 1000]
    const norms = Object.fromEntries(layers.map((layer, at) => [`gradient_norm/${layer}`, loss * 10 ** -at]))
    const values = { loss, accuracy: 1 - loss, val_loss: 1.1 * loss, val_accuracy: 0.9 - loss, ...norms }
    events.push({ type: 'batch', time: time - 500, epoch, batch: 5, batches: 10, rate: 900, values: { loss } })
    events.push({ type: 'epoch', time, epoch, seconds: 1, learningRate: 0.001, values })
    if (epoch > 20 && epoch < epochs) continue
    const counts = [1, 4, 9, 4, 1]
    const histogram = { name: 'lstm/kernel', least: -loss, most: loss, mean: 0, deviation: 0.5, counts, notFinite: 0 }
    events.push({ type: 'histograms', epoch, of: 'weights', histograms: [histogram] })
    events.push({ type: 'histograms', epoch, of: 'gradients', histograms: [histogram] })
    events.push({
      type: 'confusion',
      epoch,
      labels: ['ham', 'spam'],
      counts: [
        [epoch, 1],
        [2, 30],
      ],
    })
    events.push({
      type: 'attention',
      epoch,
      rows: ['le', 'chat'],
      columns: ['the', 'cat'],
      weights: [
        [0.9, 0.1],
        [0.2, 0.8],
      ],
    })
    events.push({
      type: 'states',
      epoch,
      tokens: ['the', 'cat'],
      values: [
        [0.1, -0.2, 0.3],
        [0.4, 0.5, -0.6],
      ],
    })
    events.push({ type: 'sample', epoch, prompt: 'the', text: `written after ${epoch}` })
  }
  if (ended) events.push({ type: 'end', time: start + epochs * 1000, state: 'done' })
  mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, name, 'run.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''))
}
