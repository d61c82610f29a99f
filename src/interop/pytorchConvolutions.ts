import { SeqloomError, visible } from '../errors.js'
import {
  conv1d,
  conv1dTranspose,
  conv2d,
  conv2dTranspose,
  conv3d,
  conv3dTranspose,
  cropping1d,
  cropping2d,
  depthwiseConv1d,
  depthwiseConv2d,
  zeroPadding1d,
  zeroPadding2d,
} from '../layers/index.js'
import type { AnyLayer, LayerOptions } from '../layers/layer.js'
import { type Check, custom, integer, isRecord } from '../options.js'

/** What a state dict does not say of a convolution, under PyTorch's names. */
export interface TorchConvolution {
  /** Default 1. */
  readonly stride?: number
  /** Zeros at both ends, or `'same'`; default 0. Of a transposed convolution, what is taken away at both ends. */
  readonly padding?: number | 'same'
  /** Default 1. */
  readonly dilation?: number
  /** Whether it is an `nn.ConvTranspose1d` or the like; by default, what fits the sizes, else no. */
  readonly transposed?: boolean
}

const counts = integer(1)
const pads = integer(0)

/** The check of the option `convolutions`. */
export const convolutionsCheck: Check = custom(
  'an object of stride, padding, dilation and transposed, by the names of modules',
  (value) =>
    isRecord(value) &&
    Object.values(value).every(
      (each) =>
        isRecord(each) &&
        Object.entries(each).every(([name, setting]) => {
          if (setting === undefined) return true
          if (name === 'transposed') return typeof setting === 'boolean'
          if (name === 'padding') return setting === 'same' || pads.accepts(setting)
          return (name === 'stride' || name === 'dilation') && counts.accepts(setting)
        }),
    ),
)

const plain = [conv1d, conv2d, conv3d]
const transposed = [conv1dTranspose, conv2dTranspose, conv3dTranspose]
const depthwise = [depthwiseConv1d, depthwiseConv2d]
const padded = [zeroPadding1d, zeroPadding2d]
const cropped = [cropping1d, cropping2d]

/** The sizes of a convolution's weight: `[outputs, channels of a group, …]`, or `[channels, outputs, …]`. */
export type KernelShape = readonly [number, number, ...number[]]

/** How many channels a convolution may read and give: as the weight of either kind, where the sizes fit. */
export function sizesOfKernel(
  [first, second]: KernelShape,
  isTransposed: boolean,
  given: number | undefined,
): { readonly reads: number; readonly gives: number } | undefined {
  if (isTransposed) return given === undefined || given === first ? { reads: first, gives: second } : undefined
  const reads = given ?? second
  const groups = reads / second
  return Number.isInteger(groups) && first % groups === 0 ? { reads, gives: first } : undefined
}

/** The layers of a convolution; the one with the weights is the one that is marked. */
export function convolutionLayers(
  name: string,
  kernel: KernelShape,
  reads: number,
  isTransposed: boolean,
  { stride = 1, padding = 0, dilation = 1 }: TorchConvolution,
  given: Pick<LayerOptions, 'name' | 'inputShape'> & { readonly useBias: boolean },
): { readonly layers: readonly AnyLayer[]; readonly own: AnyLayer } {
  const [first, second, ...kernelSize] = kernel
  const axes = kernelSize.length
  const wrong = (message: string) =>
    new SeqloomError('ERR_UNSUPPORTED', visible(`interop.loadPyTorch: convolutions: '${name}': ${message}`))
  const { inputShape, ...common } = given
  const shape = inputShape && { inputShape }
  const settings = { ...common, kernelSize: axes === 1 ? kernelSize[0] : kernelSize, strides: stride }
  const around = (makers: readonly unknown[]) => {
    const make = makers[axes - 1] as typeof zeroPadding1d | undefined
    if (!make) throw wrong('padding in three dimensions; make the model, and give it as model')
    return make
  }
  if (isTransposed) {
    if (padding === 'same') throw wrong("padding: 'same' is not for transposed convolutions")
    if (kernelSize.some((size) => (size - 1) * dilation + 1 < stride))
      throw wrong('windows that are shorter than a stride')
    const make = transposed[axes - 1] as typeof conv1dTranspose
    const own = make({ ...settings, ...shape, filters: second, dilationRate: dilation } as never) as AnyLayer
    const crop = padding > 0 ? [around(cropped)({ cropping: padding } as never) as AnyLayer] : []
    return { layers: [own, ...crop], own }
  }
  if (padding === 'same' && stride !== 1) throw wrong("PyTorch has padding: 'same' for a stride of 1 alone")
  const zeros = padding !== 'same' && padding > 0
  const front = zeros ? [around(padded)({ ...shape, padding: padding as number } as never) as AnyLayer] : []
  const all = {
    ...settings,
    ...(zeros ? {} : shape),
    padding: padding === 'same' ? 'same' : 'valid',
    dilationRate: dilation,
  }
  const groups = reads / second
  const single = depthwise[axes - 1]
  const isSingle = second === 1 && groups > 1 && single !== undefined
  const own = isSingle
    ? (single({ ...all, depthMultiplier: first / groups } as never) as AnyLayer)
    : ((plain[axes - 1] as typeof conv1d)({ ...all, filters: first, groups } as never) as AnyLayer)
  return { layers: [...front, own], own }
}
