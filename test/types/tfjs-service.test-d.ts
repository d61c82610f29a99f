// A service for TensorFlow.js as TypeScript has it: models behind classes, tensors of ranks, data by keys, layers and callbacks of
// one's own, with its import changed. It is checked by the compiler and never run.

import * as tf from 'seqloom/tfjs'
import {
  type History,
  type Logs,
  type layers,
  loadLayersModel,
  type Rank,
  type Scalar,
  type Sequential,
  type SymbolicTensor,
  type Tensor,
  type Tensor1D,
  type Tensor3D,
  type TensorContainer,
  type TensorLike,
  train,
} from 'seqloom/tfjs'

export type Window = { features: number[][]; target: number }
export type Activation = 'relu' | 'tanh' | 'sigmoid'
export interface ModelOptions {
  units: number[]
  activation?: Activation
  dropout?: number
  optimizer?: string | tf.Optimizer
}
type Batch = { xs: Tensor3D; ys: tf.Tensor2D }

abstract class Predictor<Input, Output> {
  protected model: tf.LayersModel | null = null
  abstract build(): tf.LayersModel
  abstract predict(input: Input): Promise<Output>
  async load(path: string): Promise<void> {
    this.model = await loadLayersModel(`file://${path}/model.json`)
  }
  async save(path: string): Promise<tf.io.SaveResult> {
    if (!this.model) throw new Error('nothing to save')
    return await this.model.save(`file://${path}`, { includeOptimizer: true })
  }
  dispose(): void {
    this.model?.dispose()
    this.model = null
  }
}

export class PriceModel extends Predictor<number[][], number> {
  private readonly means: Tensor1D
  private readonly deviations: Tensor1D
  private losses: number[] = []

  constructor(
    private readonly steps: number,
    private readonly options: ModelOptions,
    data: TensorLike,
  ) {
    super()
    const { mean, variance } = tf.moments(tf.tensor(data), 0)
    this.means = mean as Tensor1D
    this.deviations = tf.sqrt(variance).maximum(1e-6) as Tensor1D
  }

  build(): tf.LayersModel {
    const features = this.means.shape[0]
    const input: SymbolicTensor = tf.input({ shape: [this.steps, features], name: 'window' })
    let x = input
    this.options.units.forEach((units, i) => {
      const isLast = i === this.options.units.length - 1
      const config: Parameters<typeof tf.layers.lstm>[0] = { units, returnSequences: !isLast }
      x = tf.layers.lstm(config).apply(x) as SymbolicTensor
      if (this.options.dropout) x = tf.layers.dropout({ rate: this.options.dropout }).apply(x) as SymbolicTensor
    })
    const hidden = tf.layers.dense({ units: 16, activation: this.options.activation ?? 'relu' }).apply(x)
    const price = tf.layers.dense({ units: 1, name: 'price' }).apply(hidden) as tf.SymbolicTensor
    const direction = tf.layers.dense({ units: 1, activation: 'sigmoid', name: 'direction' }).apply(hidden)
    const model = tf.model({ inputs: input, outputs: [price, direction as SymbolicTensor] })
    model.compile({
      optimizer: this.options.optimizer ?? train.adam(0.001),
      loss: { price: 'meanSquaredError', direction: tf.losses.sigmoidCrossEntropy },
      metrics: { price: ['mae'], direction: ['accuracy'] },
    })
    this.model = model
    return model
  }

  private normalize(rows: Tensor3D): Tensor3D {
    return tf.tidy(() => rows.sub<Tensor3D>(this.means).div<Tensor3D>(this.deviations))
  }

  async fit(windows: Window[], epochs: number, onEpoch?: (epoch: number, logs?: Logs) => void): Promise<History> {
    const model = this.model ?? this.build()
    const xs = this.normalize(tf.tensor3d(windows.map(({ features }) => features)))
    const price: tf.Tensor2D = tf.tensor2d(windows.map(({ target }) => [target]))
    const direction = price.greater(0).toFloat()
    try {
      const history = await model.fit(xs, [price, direction], {
        epochs,
        batchSize: 32,
        validationSplit: 0.1,
        callbacks: [
          {
            onEpochEnd: (epoch: number, logs?: Logs): void => {
              this.losses.push(logs?.loss as number)
              onEpoch?.(epoch, logs)
            },
          },
          tf.callbacks.earlyStopping({ monitor: 'val_loss', patience: 5 }),
        ],
      })
      const last: number = history.history.loss?.at(-1) as number
      if (!Number.isFinite(last)) throw new Error('diverged')
      return history
    } finally {
      tf.dispose([xs, price, direction])
    }
  }

  async predict(rows: number[][]): Promise<number> {
    const [price] = tf.tidy(() => {
      const x = this.normalize(tf.expandDims(tf.tensor2d(rows), 0) as Tensor3D)
      return (this.model as tf.LayersModel).predict(x) as Tensor[]
    })
    const [value] = await (price as Tensor<Rank.R2>).data<'float32'>()
    price?.dispose()
    return value as number
  }
}

function* batches(windows: Window[], size: number): Generator<Batch, void, unknown> {
  for (let at = 0; at < windows.length; at += size) {
    const part = windows.slice(at, at + size)
    yield {
      xs: tf.tensor3d(part.map((each) => each.features)),
      ys: tf.tensor2d(part.map((each) => [each.target])),
    }
  }
}

export async function stream(model: Sequential, windows: Window[]): Promise<number> {
  const dataset: tf.data.Dataset<Batch> = tf.data.generator(() => batches(windows, 8))
  const history: History = await model.fitDataset(dataset.prefetch(2), { epochs: 1 })
  await dataset.forEachAsync(({ xs, ys }) => {
    const [rows, steps, width]: [number, number, number] = xs.shape
    console.log(rows * steps * width, ys.rank)
  })
  const result = await model.evaluateDataset(dataset, { batches: 2 })
  const scalars: Scalar[] = Array.isArray(result) ? result : [result]
  return (history.history.loss?.[0] as number) + (scalars[0]?.arraySync() as number)
}

class Scale extends tf.layers.Layer {
  static override readonly className = 'Scale'
  private factor?: tf.LayerVariable
  constructor(private readonly config: { initial?: number; name?: string } = {}) {
    super(config as tf.serialization.ConfigDict)
  }
  override build(_shape: tf.Shape | tf.Shape[]): void {
    const value = this.config.initial ?? 1
    this.factor = this.addWeight('factor', [1], 'float32', tf.initializers.constant({ value }))
    this.built = true
  }
  override computeOutputShape(shape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
    return shape
  }
  override call(inputs: Tensor | Tensor[]): Tensor {
    const [x] = Array.isArray(inputs) ? inputs : [inputs]
    return (x as Tensor).mul(this.factor?.read() as Tensor)
  }
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), initial: this.config.initial ?? 1 }
  }
}
tf.serialization.registerClass(Scale)

/** A policy that is trained by hand. */
export class Policy {
  private readonly net: Sequential
  private readonly optimizer = tf.train.rmsprop(0.01)
  constructor(hidden: number | number[], observations: number) {
    const sizes: number[] = Array.isArray(hidden) ? hidden : [hidden]
    const list: layers.Layer[] = sizes.map((units, i) =>
      tf.layers.dense({ units, activation: 'elu', ...(i === 0 ? { inputShape: [observations] } : {}) }),
    )
    this.net = tf.sequential({ layers: [...list, new Scale({ initial: 0.5 }), tf.layers.dense({ units: 2 })] })
  }
  act(observation: number[]): number {
    return tf.tidy(() => {
      const logits = this.net.predict(tf.tensor2d([observation])) as tf.Tensor2D
      return tf.multinomial(logits, 1).dataSync()[0] as number
    })
  }
  learn(observations: number[][], actions: number[], rewards: Float32Array): number {
    const cost = this.optimizer.minimize((): Scalar => {
      const logits = this.net.predict(tf.tensor2d(observations)) as tf.Tensor2D
      const chosen = tf.oneHot(tf.tensor1d(actions, 'int32'), 2)
      const each = tf.losses.softmaxCrossEntropy(chosen, logits, undefined, undefined, tf.Reduction.NONE) as Tensor1D
      return each.mul(tf.tensor1d(rewards)).mean()
    }, true) as Scalar
    const value: number = cost.dataSync()[0] as number
    cost.dispose()
    return value
  }
  gradients(observation: Tensor): tf.NamedTensorMap {
    const f = (): Scalar => tf.tidy(() => (this.net.predict(observation) as Tensor).sum().asScalar())
    return tf.variableGrads(f).grads
  }
}

const encode = (words: string[], vocabulary: Map<string, number>, length: number): tf.Tensor2D => {
  const buffer: tf.TensorBuffer<Rank.R2> = tf.buffer([1, length])
  words.slice(0, length).forEach((word, i) => {
    buffer.set(vocabulary.get(word) ?? 0, 0, i)
  })
  return buffer.toTensor()
}

export const probabilities = async (model: tf.LayersModel, words: string[]): Promise<Map<string, number>> => {
  const result = model.predict(encode(words, new Map([['a', 1]]), 8)) as Tensor
  const { values, indices } = tf.topk(result.squeeze(), 3)
  const [found, at] = await Promise.all([values.array() as Promise<number[]>, indices.data()])
  return new Map(found.map((value, i) => [String(at[i]), value]))
}

export const nested: TensorContainer = { a: [tf.scalar(1), 2, 'three'], b: { c: tf.zeros([2, 2]) } }
export const blurred: tf.Tensor4D = tf.conv2d(tf.ones<Rank.R4>([1, 4, 4, 1]), tf.ones<Rank.R4>([2, 2, 1, 1]), 1, 'same')
export const halved: tf.Tensor4D = tf.maxPool(blurred, [2, 2], 2, 'valid')
export const smoothed: Tensor3D = tf.conv1d(tf.ones<Rank.R3>([1, 5, 1]), tf.ones<Rank.R3>([3, 1, 1]), 1, 'same')
