/** Trains for minutes; calls `started` once a batch is done. */
export function trainForLong({ layers, sequential, tensor }, started) {
  const model = sequential([layers.lstm({ units: 64, inputShape: [null, 16] }), layers.dense({ units: 1 })], {
    seed: 1,
  })
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
  const x = tensor(new Float32Array(256 * 20 * 16), [256, 20, 16])
  const y = tensor(new Float32Array(256), [256, 1])
  return model.fit(x, y, { epochs: 100_000, batchSize: 32, callbacks: [{ onBatchEnd: once(started) }] })
}

function once(call) {
  let called = false
  return () => {
    if (!called) call()
    called = true
  }
}
