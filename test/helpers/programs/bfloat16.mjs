// Compiles a model with products of bfloat16 and prints the error.
import { layers, sequential } from 'seqloom'

const m = sequential([layers.lstm({ units: 2, inputShape: [null, 1] })])
try {
  m.compile({ optimizer: 'adam', loss: 'mse', precision: 'bfloat16' })
  process.stdout.write('{}')
} catch ({ code, message }) {
  process.stdout.write(JSON.stringify({ code, message }))
}
