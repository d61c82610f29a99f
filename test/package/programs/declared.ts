import { callbacks, layers, loadModel, sequential, tasks } from 'seqloom'
import * as tf from 'seqloom/tfjs'

const network = sequential([layers.lstm({ units: 4, inputShape: [null, 2] }), layers.dense({ units: 1 })])
network.compile({ optimizer: 'adam', loss: 'meanSquaredError' })

export async function train(): Promise<number[] | undefined> {
  const { history } = await network.fit([[[1, 2]]], [[1]], {
    callbacks: [callbacks.earlyStopping({ monitor: 'loss' })],
  })
  await network.save('network')
  await loadModel('network')
  return history.loss
}

export const classifier = new tasks.TextClassifier({ units: 8 })
export const opened = tf.io.http('http://localhost/model.json', { requestInit: { method: 'GET' } })
