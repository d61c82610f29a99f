// Streams of the same rows, each read in another way, and how a training goes through it.
import { join } from 'node:path'
import { data } from 'seqloom'

const [rows, held, time] = [480, 96, 6]
const tokens = Array.from({ length: time }, (_, i) => `t${i}`)
const columns = { x: tokens, y: 'label', classes: ['a', 'b', 'c'] }

function* examples(from = 0) {
  for (let i = from; i < rows; i++) {
    const x = tokens.map((_, t) => 1 + ((i * 29 + t * 13 + (i >> 3) * 7) % 39))
    yield { x, y: (i * 5 + (i >> 2)) % 3 }
  }
}

/** Writes the files that the streams read. */
export async function writeRows(folder) {
  const table = data
    .from(() => examples())
    .map(({ x, y }) => ({
      ...Object.fromEntries(x.map((token, t) => [tokens[t], token])),
      label: columns.classes[y],
    }))
  for (const ending of ['csv', 'csv.gz', 'parquet']) await data.write(table, join(folder, `rows.${ending}`))
  const lists = data.from(() => examples()).map(({ x, y }, i) => ({ x: x.slice(0, 1 + (i % time)), y }))
  await data.write(lists, join(folder, 'rows.jsonl.gz'))
}

const shuffled = (all) => ({ source: all.skip(held).shuffle(100, { seed: 2 }), validationData: all.take(held) })

/** By name: what is trained with, of files in a folder, and options of `fit`. */
export const streams = {
  csv: (folder) => shuffled(data.csv(join(folder, 'rows.csv'), columns)),
  gzip: (folder) => shuffled(data.csv(join(folder, 'rows.csv.gz'), columns)),
  ragged: (folder) => shuffled(data.jsonLines(join(folder, 'rows.jsonl.gz'), { x: 'x', y: 'y' })),
  parquet: (folder) => ({
    source: data.parquet(join(folder, 'rows.parquet'), columns).skip(held),
    validationData: data.csv(join(folder, 'rows.csv'), columns).take(held),
  }),
  query: (folder) => shuffled(data.query(`SELECT * FROM '${join(folder, 'rows.parquet')}'`, columns)),
  cache: (folder) => {
    const all = data.csv(join(folder, 'rows.csv'), columns)
    return { source: all.skip(held).cache().shuffle(100, { seed: 2 }), validationData: all.take(held).cache() }
  },
  seeking: () => ({
    source: data.from(({ skip }) => examples(held + skip), { seeks: true }),
    validationData: data.from(() => examples()).take(held),
  }),
  batches: (folder) => {
    const { source, validationData } = streams.ragged(folder)
    return { source: source.batch(16, { bucketByLength: true, buffer: 4 }), validationData, batchSize: undefined }
  },
  steps: (folder) => ({ ...shuffled(data.csv(join(folder, 'rows.csv'), columns)), stepsPerEpoch: 17 }),
  accumulation: (folder) => shuffled(data.csv(join(folder, 'rows.csv.gz'), columns)),
}
