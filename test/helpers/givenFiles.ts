import { fileURLToPath } from 'node:url'

// Files that programs of the documents read and do not make, each by the program that writes it.

const root = fileURLToPath(new URL('../../', import.meta.url))

const tagger = `
  const recurrent = () => layers.bidirectional({ layer: layers.lstm({ units: 64, returnSequences: true }) })
  const m = sequential([
    layers.embedding({ inputDim: 1000, outputDim: 32 }), recurrent(), recurrent(), layers.dense({ units: 5, activation: 'softmax' })
  ])`

const written: Readonly<Record<string, string>> = {
  'glove.6B.100d.txt': `writeFileSync(file, 'the 0.1 0.2 0.3\\ncat 0.4 0.5 0.6\\n')`,
  'tagger.pt': `${tagger}\nawait interop.toPyTorch(m, file)`,
  'cnn.pt': `
    const m = sequential([
      layers.conv1d({ filters: 8, kernelSize: 3, inputShape: [14, 3], name: 'a' }), layers.batchNormalization({ name: 'b' }),
      layers.maxPooling1d({ poolSize: 2 }), layers.flatten(), layers.dense({ units: 2, name: 'c' })
    ])
    await interop.toPyTorch(m, file, { mapping: { a: '0', b: '1', c: '5' } })`,
  'classifier.pt': `copyFileSync('${root}test/fixtures/pytorch/checkpoint.pt', file)`,
  'reviews.keras': `
    const m = sequential([layers.embedding({ inputDim: 500, outputDim: 8 }), layers.gru({ units: 8 }), layers.dense({ units: 1 })])
    await interop.toKeras(m, file)`,
  'films.keras': `
    const m = sequential([
      layers.textVectorization({ vocabulary: ['a', 'splendid', 'film'] }),
      layers.embedding({ inputDim: 5, outputDim: 8 }), layers.gru({ units: 8 }), layers.dense({ units: 1 })
    ])
    await interop.toKeras(m, file)`,
  'tagger.keras': `${tagger}\nawait interop.toKeras(m, file)`,
  'best.weights.h5': `
    const m = sequential([layers.gru({ units: 16, inputShape: [null, 4] }), layers.dense({ units: 1 })])
    await interop.toKeras(m, file)`,
  tagger: `${tagger}\nawait interop.toTfjs(m, file)`,
  'classifier.onnx': `
    const m = sequential([layers.embedding({ inputDim: 100, outputDim: 8 }), layers.gru({ units: 8 }), layers.dense({ units: 2 })])
    await interop.toOnnx(m, file)`,
  'silero_vad.onnx': `
    copyFileSync('${root}node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx', file)`,
  intents: `
    const classifier = new tasks.TextClassifier({ units: 4, embedding: 4 })
    await classifier.train([{ text: 'hello', label: 'greet' }, { text: 'bye', label: 'leave' }], { epochs: 1, validationSplit: 0 })
    await classifier.save(file)`,
}

/** The program that writes a file for those of the documents, if it is one that they do not make. */
export function fileWriter(file: string): string | undefined {
  const program = written[file]
  if (program === undefined) return undefined
  return `
    import { copyFileSync, writeFileSync } from 'node:fs'
    import { interop, layers, sequential, tasks } from 'seqloom'
    const file = ${JSON.stringify(file)}
    ${program}`
}
