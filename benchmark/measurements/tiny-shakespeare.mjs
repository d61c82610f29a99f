// Tiny Shakespeare, character by character: embedding 64, two LSTM layers of 256 with dropout 0.2 between them, 100 steps with carried state,
// batches of 64, Adam 4e-3 with cosine decay, the last 10% held out. Prints the validation loss in nats a character and the seconds after
// every epoch. `node benchmark/measurements/tiny-shakespeare.mjs FILE [epochs] [seed] [steps] [precision]`: the file is the text (or a folder named by
// SEQLOOM_SHARED has it as data/tinyshakespeare.txt); with `steps` the run ends after so many training steps, and the schedule is that of the
// whole run; the precision is that of `compile`, by default float32.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { initializers, layers, optimizers, sequential, text } from '../../dist/index.js'

const [file, epochsText = '10', seedText = '1', stepsText, precision = 'float32'] = process.argv.slice(2)
const path = file ?? join(process.env.SEQLOOM_SHARED ?? '../shared', 'data', 'tinyshakespeare.txt')
const [epochs, seed] = [Number(epochsText), Number(seedText)]
const [batchSize, time] = [64, 100]

const whole = readFileSync(path, 'utf8')
const end = Math.floor(whole.length * 0.9)
const tokenizer = await text.charTokenizer([whole])
const [training, held] = await tokenizer.encode([whole.slice(0, end), whole.slice(end)])
const { x, y } = text.languageModelBatches(training, { batchSize, time })
const validation = text.languageModelBatches(held, { batchSize, time })
const steps = x.shape[0] / batchSize

// Vectors of unit variance, as in PyTorch; those of Keras, within 0.05, learn more slowly.
const embeddingsInitializer = initializers.randomNormal({ stddev: 1 })
const vocabulary = tokenizer.vocabularySize
const model = sequential(
  [
    layers.embedding({ inputDim: vocabulary, outputDim: 64, embeddingsInitializer }),
    layers.lstm({ units: 256, returnSequences: true, stateful: true }),
    layers.dropout({ rate: 0.2 }),
    layers.lstm({ units: 256, returnSequences: true, stateful: true }),
    layers.dense({ units: vocabulary, activation: 'softmax' }),
  ],
  { seed },
)
const learningRate = optimizers.schedules.cosineDecay({ initialLearningRate: 4e-3, decaySteps: steps * epochs })
model.compile({ optimizer: optimizers.adam({ learningRate }), loss: 'sparseCategoricalCrossentropy', precision })
console.log(
  `${whole.length} characters, ${vocabulary} tokens, ${steps} steps an epoch, ${epochs} epochs, seed ${seed}, ${precision}`,
)

const controller = new AbortController()
const started = performance.now()
const seconds = () => ((performance.now() - started) / 1000).toFixed(1)
const most = !stepsText ? Number.POSITIVE_INFINITY : Number(stepsText)
await model
  .fit(x, y, {
    epochs,
    batchSize,
    validationData: [validation.x, validation.y],
    signal: controller.signal,
    callbacks: {
      onBatchEnd(batch, { epoch, loss }) {
        const done = epoch * steps + batch + 1
        if (done % 20 === 0) console.log(`step ${done}  loss so far in the epoch ${loss.toFixed(4)}  ${seconds()} s`)
        if (done >= most) controller.abort()
      },
      onEpochEnd(epoch, { loss, val_loss: valLoss }) {
        console.log(
          `epoch ${epoch + 1}  loss ${loss.toFixed(4)}  validation ${valLoss.toFixed(4)} nats  ${seconds()} s`,
        )
      },
    },
  })
  .catch((error) => {
    if (error.name !== 'AbortError') throw error
  })
