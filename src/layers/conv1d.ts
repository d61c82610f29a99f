import { Convolution, type ConvolutionOptions } from './convolution.js'

/** The layer that {@link conv1d} makes. */
export class Conv1D extends Convolution {
  static override readonly className = 'Conv1D'
  override readonly baseName = 'conv1d'

  constructor(options: ConvolutionOptions) {
    super('layers.conv1d', 1, options)
  }
}

/**
 * A convolution over the steps of a sequence: each window of `kernelSize` steps, `dilationRate` apart, times a kernel,
 * plus a bias.
 *
 * Input `[batch, time, channels]`; output `[batch, places, filters]`, where with `padding: 'valid'` there are
 * `⌊(time - (kernelSize - 1) · dilationRate - 1) / strides⌋ + 1` places and else `⌈time / strides⌉`. Weights: kernel
 * `[kernelSize, channels / groups, filters]` and bias `[filters]`. Rows of different lengths, and steps that are
 * masked, are treated as if each row was alone, with zeros at such steps. In a session it runs step by step where the
 * padding is `'causal'` and the stride 1. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function conv1d(options: ConvolutionOptions): Conv1D {
  return new Conv1D(options)
}
