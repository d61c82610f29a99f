/** Trains a small model and returns its last loss. */
export async function trainOnce({ layers, sequential, tensor }) {
  const model = sequential([layers.gru({ units: 8, inputShape: [null, 2] }), layers.dense({ units: 1 })], { seed: 1 })
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
  const x = tensor(
    Float32Array.from({ length: 256 }, (_, i) => Math.sin(i)),
    [32, 4, 2],
  )
  const { history } = await model.fit(x, tensor(new Float32Array(32).fill(0.5), [32, 1]), { epochs: 20 })
  return history.loss.at(-1)
}
