const { layers, loadModel, optimizers, SeqloomError, sequential } = require('seqloom')

async function main() {
  const model = sequential(
    [
      layers.embedding({ inputDim: 4, outputDim: 4 }),
      layers.gru({ units: 8 }),
      layers.dense({ units: 1, activation: 'sigmoid' }),
    ],
    { seed: 1 },
  )
  model.compile({
    optimizer: optimizers.adam({ learningRate: 0.05 }),
    loss: 'binaryCrossentropy',
    metrics: ['accuracy'],
  })
  const x = Array.from({ length: 64 }, (_, i) => [i % 4, (i >> 2) % 4, (i >> 4) % 4])
  const y = x.map(([first]) => [first >= 2 ? 1 : 0])
  const { history } = await model.fit(x, y, { epochs: 20, batchSize: 16 })
  await model.save('saved-cjs')
  const again = await loadModel('saved-cjs')
  const same = (await model.predict(x)).data.every((value, i) => value === again.predictSync(x).data[i])
  let code
  try {
    layers.lstm({ units: -1 })
  } catch (error) {
    code = error instanceof SeqloomError && error.code
  }
  console.log(JSON.stringify({ accuracy: history.accuracy.at(-1), same, code }))
}

main()
