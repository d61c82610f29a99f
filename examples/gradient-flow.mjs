// How far gradients reach: the norm of the loss's gradient with respect to the state, by the number of steps between
// them, for four cells.
//
//   node examples/gradient-flow.mjs [file.svg]
//
// The loss looks only at the last step, and the cells are untrained. In the simple RNN the gradient shrinks by the same
// factor at every step (Hochreiter 1991; Bengio, Simard and Frasconi 1994). A gated cell keeps as much of it as its
// gate lets through: half in a GRU whose update gate starts half open, three quarters in an LSTM with its forget bias
// of one, nearly all in a GRU with a bias that opens the gate.
import { writeFileSync } from 'node:fs'
import { initializers, inspect, layers, sequential, tensor } from 'seqloom'

const [rows, time, features, units] = [16, 100, 8, 32]
const file = process.argv[2] ?? 'gradient-flow.svg'

/** Reproducible noise in (-1, 1). */
const noise = Float32Array.from(
  { length: rows * time * features },
  (_, i) => ((Math.sin(i * 12.9898) * 43758.5453) % 1) * 1.7,
)

/** The norm of dL/dh by the distance from the last step, where the loss is the mean of the last state. */
async function normsOf(layer) {
  const m = sequential([layer], { seed: 7 })
  const cotangents = tensor(new Float32Array(rows * units).fill(1 / (rows * units)), [rows, units])
  const { norms } = await inspect.gradientFlow(m, tensor(noise, [rows, time, features]), { cotangents })
  return Object.values(norms)[0]
}

const options = { units, inputShape: [null, features] }
const curves = {
  'simple RNN': await normsOf(layers.simpleRNN(options)),
  GRU: await normsOf(layers.gru(options)),
  LSTM: await normsOf(layers.lstm(options)),
  'GRU, gate open': await normsOf(layers.gru({ ...options, biasInitializer: initializers.constant({ value: 2 }) })),
}

for (const [name, norms] of Object.entries(curves)) {
  const after = [10, 30, 99].map((distance) => (norms[distance] / norms[0]).toExponential(1))
  console.log(
    `${name.padEnd(14)}  after 10 steps ${after[0]}, after 30 ${after[1]}, after 99 ${after[2]} of the norm at the end`,
  )
}

/** A line for each curve over a logarithmic scale. */
function draw() {
  const [width, height, left, top] = [640, 360, 56, 24]
  const all = Object.values(curves).flatMap((norms) => norms.map((norm) => Math.log10(Math.max(norm, 1e-30))))
  const [low, high] = [Math.floor(Math.min(...all)), Math.ceil(Math.max(...all))]
  const x = (distance) => left + (distance / (time - 1)) * (width - left - 16)
  const y = (power) => top + ((high - power) / (high - low)) * (height - top - 40)
  const step = Math.max(1, Math.ceil((high - low) / 6))
  const ticks = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, i) => high - i * step)
  const grid = ticks.map(
    (power) =>
      `<path d="M${left} ${y(power)}H${width - 16}" stroke="#ddd"/><text x="${left - 6}" y="${y(power) + 4}" text-anchor="end">1e${power}</text>`,
  )
  const colors = ['#c0392b', '#2471a3', '#1e8449', '#7d3c98']
  const lines = Object.entries(curves).map(([name, norms], index) => {
    const path = norms
      .map((norm, distance) => `${x(distance).toFixed(1)},${y(Math.log10(Math.max(norm, 1e-30))).toFixed(1)}`)
      .join(' ')
    const label = `<text x="${width - 24}" y="${top + 14 + 16 * index}" text-anchor="end" fill="${colors[index]}">${name}</text>`
    return `<polyline points="${path}" fill="none" stroke="${colors[index]}" stroke-width="2"/>${label}`
  })
  const axis = `<text x="${(width + left) / 2}" y="${height - 8}" text-anchor="middle">steps between state and loss</text><text x="${left}" y="14">|dL/dh|</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">${grid.join('')}${lines.join('')}${axis}</svg>\n`
}

writeFileSync(file, draw())
console.log(`drawn in ${file}`)
