// A program for TensorFlow.js that must compile with its import changed. It is checked by the compiler and never run.
import * as tf from 'seqloom/tfjs'

const vector: tf.Tensor1D = tf.tensor1d([1, 2, 3])
const table: tf.Tensor2D = tf.tensor2d([
  [1, 2],
  [3, 4],
])
const cube: tf.Tensor3D = tf.tensor3d([1, 2, 3, 4], [2, 1, 2], 'int32')
const any: tf.Tensor = table
const ranked: tf.Tensor<tf.Rank.R2> = table
const one: tf.Scalar = tf.scalar(3)

// What a function returns is of the kind that is asked for, and of the same kind where the shape stays.
const shifted: tf.Tensor2D = table.sub(vector)
const same: tf.Tensor2D = table.square().relu().clipByValue(0, 1)
const normal: tf.Tensor2D = tf.tidy(() => {
  const { mean, variance } = tf.moments(table, 0)
  return table.sub(mean).div(variance.sqrt())
})
const total: tf.Scalar = table.sum()
const rows: tf.Tensor[] = tf.unstack(table)
const [first, second] = tf.split(table, 2) as [tf.Tensor2D, tf.Tensor2D]
const joined: tf.Tensor2D = tf.concat([first, second], 0)
const stacked = tf.stack([vector, vector]) as tf.Tensor2D
const reshaped = tf.reshape(cube, [-1, 2]) as tf.Tensor2D
const flat: tf.Tensor1D = cube.flatten()
const hot: tf.Tensor = tf.oneHot(tf.tensor1d([0, 1], 'int32'), 3)
const best: number | undefined = table.argMax(-1).dataSync()[0]
const picked: tf.Tensor2D = table.gather(tf.tensor1d([0], 'int32'))
const { values, indices } = tf.topk(table, 1)
const nested: number[][] = table.arraySync()
const drawn = tf.multinomial(vector, 1, undefined, true).dataSync()[0] as number
const data: Float32Array | Int32Array | Uint8Array = table.dataSync()
const later: Promise<number[]> = vector.array()

const buffer: tf.TensorBuffer<tf.Rank.R3> = tf.buffer([2, 3, 4])
buffer.set(1, 0, 1, 2)
const fromBuffer: tf.Tensor3D = buffer.toTensor()
const own = new tf.TensorBuffer<tf.Rank.R2>([2, 2], 'float32')

const state: tf.Variable<tf.Rank.R1> = tf.variable(vector)
state.assign(tf.zeros([3]))

function standardize(x: tf.Tensor2D, scale: tf.TensorLike = 1): { x: tf.Tensor2D; dtype: tf.DataType } {
  return { x: x.mul(scale), dtype: x.dtype }
}
const named: tf.NamedTensorMap = { table, vector }
const container: tf.TensorContainer = { xs: table, ys: [vector, 3] }
const typed: tf.TypedArray = new Float32Array(3)

interface Row extends tf.TensorContainerObject {
  xs: tf.Tensor1D
  ys: tf.Tensor1D
}
function* generate(): Generator<Row> {
  yield { xs: vector, ys: vector }
}
const dataset: tf.data.Dataset<tf.TensorContainer> = tf.data.generator(generate).shuffle(10).batch(2).prefetch(1)
const csv: tf.data.CSVDataset = tf.data.csv('file://x.csv', { columnConfigs: { label: { isLabel: true } } })
const pairs = csv.map((value) => {
  const { xs, ys } = value as { xs: { [name: string]: number }; ys: { [name: string]: number } }
  return { xs: Object.values(xs), ys: Object.values(ys) }
})

const optimizer: tf.Optimizer = tf.train.adam(0.01)
const loss = (yTrue: tf.Tensor, yPred: tf.Tensor): tf.Scalar => tf.losses.meanSquaredError(yTrue, yPred)
const initializer = tf.initializers.glorotUniform({ seed: 1 })
const regularizer = tf.regularizers.l2({ l2: 0.01 })
const counts: number = tf.memory().numTensors
class Noisy extends tf.layers.Layer {
  static override get className(): string {
    return 'Noisy'
  }
  private kernel: tf.LayerVariable | null = null

  constructor(private readonly config: { units: number; name?: string }) {
    super(config)
    this.inputSpec = [new tf.InputSpec({ ndim: 2 })]
    this.supportsMasking = true
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as tf.Shape
    this.kernel = this.addWeight(
      'kernel',
      [shape.at(-1) as number, this.config.units],
      'float32',
      tf.initializers.ones(),
    )
    super.build(inputShape)
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    const [input] = Array.isArray(inputs) ? inputs : [inputs]
    return tf.tidy(() => tf.matMul(input as tf.Tensor, (this.kernel as tf.LayerVariable).read()))
  }

  override getConfig(): tf.serialization.ConfigDict {
    return Object.assign(super.getConfig(), { units: this.config.units })
  }
}
tf.serialization.registerClass(Noisy)

class Stop extends tf.Callback {
  override async onEpochEnd(epoch: number, logs?: tf.Logs): Promise<void> {
    if (epoch > 3 && (logs?.val_loss ?? 0) > 1) this.model.stopTraining = true
  }
}
async function train(): Promise<tf.History> {
  const model: tf.Sequential = tf.sequential({
    layers: [
      tf.layers.conv2d({ filters: 2, kernelSize: [3, 3], inputShape: [8, 8, 1], activation: 'relu' }),
      tf.layers.batchNormalization(),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      new Noisy({ units: 4 }),
    ],
  })
  const adam: tf.AdamOptimizer = tf.train.adam(0.001)
  model.compile({ optimizer: adam, loss: loss, metrics: ['accuracy'] })
  const args: tf.ModelFitArgs = { callbacks: [new Stop(), tf.node.tensorBoard('logs')], classWeight: { 0: 1, 1: 2 } }
  const { wallMs }: tf.TimingInfo = await tf.time(() => table.square())
  const loaded: tf.LayersModel | tf.GraphModel = await tf.loadLayersModel('file://model/model.json')
  const config: tf.LSTMLayerArgs = { units: wallMs, returnSequences: true }
  const steps = tf.layers
    .bidirectional({ layer: tf.layers.lstm(config) as tf.RNN })
    .apply(loaded.inputs) as tf.SymbolicTensor
  return await model.fit(tf.ones([1, 8, 8, 1]), tf.ones(steps.shape as number[]), args)
}
tf.util.shuffle([1, 2, 3])
tf.dispose([
  any,
  ranked,
  one,
  shifted,
  same,
  normal,
  total,
  joined,
  stacked,
  reshaped,
  flat,
  hot,
  picked,
  values,
  indices,
])

export {
  best,
  container,
  counts,
  data,
  dataset,
  drawn,
  fromBuffer,
  initializer,
  later,
  loss,
  named,
  nested,
  optimizer,
  own,
  pairs,
  regularizer,
  rows,
  standardize,
  train,
  typed,
}
