import { isRecord } from '../../options.js'
import type { KerasObject } from './saved.js'

// Keras 3 writes the masks of a functional model out: an Embedding with mask_zero gives a NotEqual of its ids and zero, a Masking an Any of such,
// and merging layers combine those. Ours make them on their own, so such a mask is only compared with what the layer's input carries.

/** A mask's origin: what a tensor is compared with. */
export type MaskOrigin = string

export const maskOrigin = (tensor: string, value: unknown): MaskOrigin => JSON.stringify([tensor, value])

/** Operations that make a mask of others. */
const combining = new Set(['Any', 'LogicalOr', 'LogicalAnd', 'ExpandDims', 'ConvertToTensor', 'Concatenate'])

/** Origins of masks in a model, at most. */
export const mostMasks = 64

/** The masks that a model's operations compute, by the keys of tensors. */
export class WrittenMasks {
  readonly #origins = new Map<string, ReadonlySet<MaskOrigin>>()

  /** Takes a use of an operation with the tensors among its arguments; false if it makes no mask. */
  take({ className }: KerasObject, key: string, node: unknown, tensors: readonly string[]): boolean {
    const origins = this.#made(className, node, tensors)
    if (origins === undefined) return false
    this.#origins.set(key, origins)
    return true
  }

  /** Where the masks among some tensors come from; undefined if one of them is none. */
  of(tensors: readonly string[]): ReadonlySet<MaskOrigin> | undefined {
    const all = tensors.map((tensor) => this.#origins.get(tensor))
    if (all.includes(undefined)) return undefined
    const joined = new Set(all.flatMap((each) => [...(each as ReadonlySet<MaskOrigin>)]))
    return joined.size > mostMasks ? undefined : joined
  }

  #made(className: string, node: unknown, tensors: readonly string[]): ReadonlySet<MaskOrigin> | undefined {
    const args = isRecord(node) && Array.isArray(node.args) ? node.args : []
    if (className === 'NotEqual' && tensors.length === 1 && typeof args[1] === 'number') {
      return new Set([maskOrigin(tensors[0] as string, args[1])])
    }
    // It fills up a mask to the shape of what it stands for.
    if (className === 'ZerosLike') return new Set()
    return combining.has(className) && tensors.length > 0 ? this.of(tensors) : undefined
  }
}
