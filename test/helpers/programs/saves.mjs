// Saves models of growing seeds to one folder, again and again. Arguments: the folder, the first seed, and how many.
import { layers, sequential } from 'seqloom'

const [folder, seed = '1', count = '1'] = process.argv.slice(2)
for (let at = 0; at < Number(count); at++) {
  // Every third one is the same for all processes: its files have the same names.
  const m = sequential(
    [layers.embedding({ inputDim: 10, outputDim: 4 }), layers.lstm({ units: 5 }), layers.dense({ units: 3 })],
    { seed: at % 3 === 0 ? 7 : 1000 * Number(seed) + at },
  )
  m.compile({ optimizer: 'adam', loss: 'mse' })
  await m.save(folder)
  process.stdout.write('saved\n')
}
