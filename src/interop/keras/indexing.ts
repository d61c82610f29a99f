import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import * as layers from '../../layers/index.js'
import { isRecord } from '../../options.js'
import type { Maker } from './classes.js'

/** A part of a dimension: one place in it, or those from one to another; negative ones count from its end. */
type Part = number | { readonly start: number; readonly stop: number | null }

/** What makes a layer of ours that takes the part of a tensor that `x[…]` of Keras 3 is; undefined for what is not there. */
export function indexed(key: unknown): [Maker, Record<string, unknown>] | undefined {
  const given = Array.isArray(key) ? key : [key]
  const [batch, ...parts] = given.map(partOf)
  // Rows stay what they are.
  if (batch === undefined || !isWhole(batch) || parts.includes(undefined)) return undefined
  const all = parts as readonly Part[]
  const others = all.slice(1).every(isWhole)
  const [steps] = all
  if (steps === -1 && others && all.length < 3) return [layers.lastStep as Maker, {}]
  if (steps !== undefined && typeof steps !== 'number' && !isWhole(steps) && others && all.length < 3) {
    // The number of steps is open.
    const { start, stop } = steps
    if (start >= 0 && (stop === null || stop < 0))
      return [layers.cropping1d as Maker, { cropping: [start, -(stop ?? 0)] }]
  }
  return [layers.lambda as Maker, { function: (x: SymbolicValue) => all.reduceRight(taken, x) }]
}

const isWhole = (part: Part): boolean => typeof part === 'object' && part.start === 0 && part.stop === null

function partOf(given: unknown): Part | undefined {
  if (Number.isInteger(given)) return given as number
  const { class_name: className, config } = isRecord(given) ? given : {}
  if (className !== '__slice__' || !isRecord(config)) return undefined
  const [start, stop, step] = [config.start ?? 0, config.stop ?? null, config.step ?? 1]
  const isStop = stop === null || Number.isInteger(stop)
  return Number.isInteger(start) && isStop && step === 1
    ? { start: start as number, stop: stop as number | null }
    : undefined
}

/** A part of a dimension, the batch not counted. */
function taken(x: SymbolicValue, part: Part, index: number): SymbolicValue {
  const axis = index + 1
  if (isWhole(part)) return x
  const size = x.shape[axis]
  const placed = (place: number): number => {
    if (place >= 0) return place
    return typeof size === 'number' ? size + place : place
  }
  if (typeof part === 'number') return x.slice(placed(part), placed(part) + 1, axis).squeeze(axis)
  const stop = part.stop ?? (typeof size === 'number' ? size : -1)
  return x.slice(placed(part.start), placed(stop), axis)
}
