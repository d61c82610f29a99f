// A program for TensorFlow.js that uses the names of its types widely, with its import changed. It is checked by the compiler and never run.

import type { Logs, Tensor2D } from 'seqloom/tfjs'
import * as tf from 'seqloom/tfjs'

interface Config {
  readonly units: number
  readonly cell: 'lstm' | 'gru'
  readonly optimizer?: tf.Optimizer
  loss?: tf.ModelCompileArgs['loss']
}

class Trainer {
  private model: tf.Sequential | undefined
  get #trained(): tf.Sequential {
    return this.model as tf.Sequential
  }
  protected history: tf.Logs[] = []
  constructor(private readonly config: Config) {}
  build(shape: [number, number]): tf.LayersModel {
    const model: tf.Sequential = tf.sequential()
    const args: tf.LSTMLayerArgs = { units: this.config.units, inputShape: shape, returnSequences: false }
    const layer: tf.layers.Layer =
      this.config.cell === 'lstm'
        ? tf.layers.lstm(args)
        : tf.layers.gru({ ...args, resetAfter: false } as tf.GRULayerArgs)
    model.add(layer)
    model.add(tf.layers.dropout({ rate: 0.1 }))
    model.add(
      tf.layers.dense({
        units: 1,
        activation: 'sigmoid',
        kernelRegularizer: tf.regularizers.l2({ l2: 1e-3 }),
        kernelInitializer: 'glorotUniform',
        biasConstraint: tf.constraints.maxNorm({ maxValue: 2 }),
      }),
    )
    const optimizer: tf.Optimizer = this.config.optimizer ?? tf.train.adam(1e-3)
    const compileArgs: tf.ModelCompileArgs = {
      optimizer,
      loss: 'binaryCrossentropy',
      metrics: ['accuracy', tf.metrics.binaryAccuracy],
    }
    model.compile(compileArgs)
    this.model = model
    return model
  }
  async train(x: tf.Tensor3D, y: Tensor2D, epochs = 2): Promise<tf.History> {
    if (!this.model) throw new Error('build first')
    const callbacks: tf.CustomCallbackArgs = {
      onEpochEnd: async (epoch: number, logs?: tf.Logs) => {
        this.history.push(logs as Logs)
        console.log(epoch, logs?.loss?.toFixed(3))
        await tf.nextFrame()
      },
      onBatchEnd: async (_batch, logs) => {
        if (Number.isNaN(logs?.loss)) this.#trained.stopTraining = true
      },
    }
    const args: tf.ModelFitArgs = {
      epochs,
      batchSize: 8,
      validationSplit: 0.2,
      shuffle: true,
      verbose: 0,
      callbacks: [new tf.CustomCallback(callbacks), tf.callbacks.earlyStopping({ monitor: 'val_loss', patience: 3 })],
    }
    return this.model.fit(x, y, args)
  }
  evaluate(x: tf.Tensor, y: tf.Tensor): number[] {
    const result: tf.Scalar | tf.Scalar[] = this.#trained.evaluate(x, y, { batchSize: 4 } as tf.ModelEvaluateArgs)
    const list = Array.isArray(result) ? result : [result]
    return list.map((t: tf.Scalar): number => t.dataSync()[0] as never)
  }
  predict(x: tf.Tensor3D): Float32Array {
    return tf.tidy(() =>
      (
        this.#trained.predict(x, { batchSize: 4 } as tf.ModelPredictArgs) as tf.Tensor<tf.Rank.R2>
      ).dataSync<'float32'>(),
    )
  }
}

const makeDataset = (
  rows: number[][][],
  labels: number[],
): tf.data.Dataset<{ xs: tf.TensorContainer; ys: tf.TensorContainer }> => {
  const xs: tf.data.Dataset<tf.TensorContainer> = tf.data.array(rows).map((row) => tf.tensor2d(row as number[][]))
  const ys = tf.data.array(labels).map((label) => tf.tensor1d([label]))
  return tf.data.zip({ xs, ys }).batch(4) as tf.data.Dataset<{ xs: tf.TensorContainer; ys: tf.TensorContainer }>
}
async function fitData(model: tf.LayersModel): Promise<void> {
  const ds = makeDataset([[[1, 2]]], [1])
  const args: tf.ModelFitDatasetArgs<{ xs: tf.TensorContainer; ys: tf.TensorContainer }> = {
    epochs: 1,
    batchesPerEpoch: 2,
    validationData: ds,
    callbacks: {
      onEpochEnd: async (e: number, l?: tf.Logs) => {
        void e
        void l
      },
    },
  }
  const h: tf.History = await model.fitDataset(ds, args)
  const losses: (number | tf.Tensor)[] = h.history.loss ?? []
  const last: number | undefined = losses.at(-1) as number
  void last
  const r = (await model.evaluateDataset(ds, {})) as tf.Scalar | tf.Scalar[]
  void r
}

class Attention extends tf.layers.Layer {
  static override className = 'AttentionX'
  private w!: tf.LayerVariable
  readonly units: number
  constructor(config: { units: number; name?: string }) {
    super(config as tf.serialization.ConfigDict)
    this.units = config.units
    this.supportsMasking = true
  }
  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as tf.Shape
    this.w = this.addWeight(
      'w',
      [shape[shape.length - 1] as number, this.units],
      'float32',
      tf.initializers.glorotUniform({ seed: 1 }),
      tf.regularizers.l2(),
      true,
    )
    this.built = true
  }
  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { [key: string]: unknown }): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const x: tf.Tensor = Array.isArray(inputs) ? (inputs[0] as never) : inputs
      void kwargs.training
      const score = tf.tanh(tf.dot(x.reshape([-1, x.shape[x.shape.length - 1] as never]), this.w.read()))
      return score
    })
  }
  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
    return [(inputShape as tf.Shape)[0] as never, this.units]
  }
  override getConfig(): tf.serialization.ConfigDict {
    return Object.assign({}, super.getConfig(), { units: this.units })
  }
  override getClassName() {
    return 'AttentionX'
  }
}
tf.serialization.registerClass(Attention)

class Log extends tf.Callback {
  readonly seen: string[] = []
  override async onTrainBegin(logs?: tf.Logs) {
    void logs
    this.seen.push('begin')
  }
  override async onEpochEnd(epoch: number, logs?: tf.Logs) {
    this.seen.push(`${epoch} ${logs?.loss}`)
  }
}

const input: tf.SymbolicTensor = tf.input({ shape: [5, 3], dtype: 'float32', name: 'in' })
const out = tf.layers.dense({ units: 2 }).apply(tf.layers.flatten().apply(input)) as tf.SymbolicTensor
const container: tf.LayersModel = tf.model({ inputs: input, outputs: out, name: 'm' } as tf.ContainerArgs)
const loadIt = async (url: string | tf.io.IOHandler): Promise<tf.LayersModel> =>
  tf.loadLayersModel(url, { strict: false, onProgress: (f: number) => void f } as tf.io.LoadOptions)
const save: tf.io.IOHandler = tf.io.withSaveHandler(
  async (artifacts: tf.io.ModelArtifacts): Promise<tf.io.SaveResult> => {
    const w = artifacts.weightData as ArrayBuffer
    void w
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } }
  },
)
const tensors: tf.Tensor[] = container.getWeights()
const named: tf.NamedTensorMap = { a: tf.scalar(1) }
const g: (x: tf.Tensor | tf.TensorLike, dy?: tf.Tensor) => tf.Tensor = tf.grad((x: tf.Tensor) => x.square())
const vg: { value: tf.Scalar; grads: tf.NamedTensorMap } = tf.variableGrads(() =>
  tf
    .scalar(1)
    .mul(tf.variable(tf.scalar(2)))
    .asScalar(),
)
const v: tf.Variable<tf.Rank.R1> = tf.variable(tf.tensor1d([1]), true, 'v', 'float32')
const shape: [number, number] = tf.tensor2d([[1]]).shape
const dt: tf.DataType = 'int32'
const mem: tf.MemoryInfo = tf.memory()
const t: Promise<tf.TimingInfo> = tf.time(() => {
  tf.ones([1])
})
const arr3: number[][][] = tf.zeros<tf.Rank.R3>([1, 2, 3]).arraySync()
const r1: tf.Tensor1D = tf.tensor2d([[1]]).as1D()
const w: tf.TensorBuffer<tf.Rank.R2, 'float32'> = tf.buffer([2, 2], 'float32')
const like: tf.TensorLike = [1, 2]
const sc: tf.Tensor<tf.Rank.R0> = tf.scalar(1)
const am: Int32Array = tf.argMax(tf.tensor2d([[1]]), 1).dataSync() as Int32Array
const cells: tf.RNN = tf.layers.rnn({ cell: [tf.layers.lstmCell({ units: 2 })] }) as tf.RNN
const bi = tf.layers.bidirectional({ layer: tf.layers.lstm({ units: 2 }) as tf.RNN, mergeMode: 'concat' })
async function main(): Promise<void> {
  const tr = new Trainer({ units: 2, cell: 'gru' })
  const m = tr.build([5, 3])
  m.summary(80, undefined, (line?: string) => void line)
  const h = await tr.train(tf.randomNormal([8, 5, 3]), tf.randomUniform([8, 1]))
  void h.params
  void h.epoch
  const [a, b] = tf.split(tf.ones([4, 2]), 2) as tf.Tensor2D[]
  void a
  void b
  for (const l of m.layers as tf.layers.Layer[]) {
    l.trainable = false
    const ws: tf.Tensor[] = l.getWeights()
    void ws
    const o: tf.Shape | tf.Shape[] = l.outputShape
    void o
  }
  tf.dispose([a as tf.Tensor, b as tf.Tensor])
  tf.util.shuffle([1, 2])
  tf.util.assert(true, () => 'x')
  const outShape: tf.Shape = m.outputs[0]?.shape as tf.Shape
  void outShape
}
void [
  container,
  loadIt,
  save,
  tensors,
  named,
  g,
  vg,
  v,
  shape,
  dt,
  mem,
  t,
  arr3,
  r1,
  w,
  like,
  sc,
  am,
  cells,
  bi,
  main,
  fitData,
  Log,
]
