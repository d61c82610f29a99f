import { existsSync, readFileSync } from 'node:fs'
import { here } from '../lib/engines.mjs'
import { refuse } from '../lib/options.mjs'
import { randomIntegers } from '../lib/random.mjs'
import { modelFlops } from './models.mjs'

const file = `${process.env.SEQLOOM_SHARED ?? here('../../shared')}/data/agnews-6000.csv`
const batch = 32

/** Words in each text of the file, which has a text of one line in each row. */
function lengthsOf(csv) {
  const rows = csv.trim().split('\n').slice(1)
  const texts = rows.map((row) => row.slice(row.indexOf(',') + 1).replace(/^"|"$/g, ''))
  return texts.map((text) => text.toLowerCase().match(/[a-z0-9']+|[^\sa-z0-9']/g).length)
}

function epochOf(lengths, padded) {
  const next = randomIntegers(1)
  const draw = (length, below) => Array.from({ length }, () => next(below))
  const batches = []
  for (let start = 0; start + batch <= lengths.length; start += batch) {
    const own = lengths.slice(start, start + batch)
    const time = Math.max(...own)
    batches.push({
      batch,
      time,
      tokens: draw(batch * time, 20_000),
      labels: draw(batch, 4),
      ...(padded ? {} : { lengths: own }),
    })
  }
  return batches
}

function raggedCase(lengths, padded) {
  const batches = epochOf(lengths, padded)
  const shape = { kind: 'lstm', input: 64, hidden: 64, layers: 1, bidirectional: true, outputs: 4, everyStep: false }
  const steps = padded
    ? batches.reduce((sum, { time }) => sum + time, 0) * batch
    : lengths.reduce((sum, n) => sum + n, 0)
  return {
    task: 'model',
    model: `AG News epoch, ${padded ? 'padded' : 'ragged'}`,
    op: 'train',
    batch,
    time: Math.round(steps / batches.length / batch),
    vocabulary: 20_000,
    ...shape,
    // One sequence of all the steps has their arithmetic, but for the outputs.
    flops: modelFlops({ ...shape, batch: 1, time: steps }),
    batches,
    clipNorm: 1,
    steps: batches.length,
  }
}

/**
 * An epoch of a bidirectional LSTM over batches as long as the texts of AG News: the lengths known to the engine (PyTorch's packed
 * sequences), and padded without them. Tokens and labels are random.
 */
export function raggedCases() {
  if (!existsSync(file)) refuse(`the texts that the lengths come from are missing: ${file}`)
  const lengths = lengthsOf(readFileSync(file, 'utf8'))
  return [raggedCase(lengths, false), raggedCase(lengths, true)]
}
