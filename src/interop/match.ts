import { showShape } from '../graph/shape.js'
import type { Unmapped } from './format.js'

/** Shapes of tensors by name. */
export type NamedShapes = Readonly<Record<string, readonly number[]>>

/** A layer that needs tensors. */
export interface Wanted {
  readonly name: string
  readonly className: string
  /** Whether the user has named it. */
  readonly isNamed: boolean
  readonly shapes: NamedShapes
}

/** A module that a file has. */
export interface Found {
  readonly name: string
  readonly shapes: NamedShapes
}

/**
 * Finds the module of each layer: that of `mapping`; else among those with tensors of the same names and shapes the one with the layer's name; else the only
 * one, or, where there are as many modules as layers and their names differ in numbers alone, one after the other. What is left or not certain is added to
 * `problems`.
 */
export function match<Layer extends Wanted, Module extends Found>(
  layers: readonly Layer[],
  modules: readonly Module[],
  mapping: Readonly<Record<string, string>>,
  problems: Unmapped,
): Map<Layer, Module> {
  const found = new Map<Layer, Module>()
  const free = new Set(modules)
  const take = (layer: Layer, module: Module) => {
    found.set(layer, module)
    free.delete(module)
  }
  const open: Layer[] = []
  for (const layer of layers) {
    const name = Object.hasOwn(mapping, layer.name) ? mapping[layer.name] : undefined
    const named = modules.find((module) => module.name === name)
    if (name === undefined) open.push(layer)
    else if (!named) problems.add(`mapping: the file has no '${name}'; it has ${modules.map(quoted).join(', ')}`)
    else if (signature(named) !== signature(layer)) {
      problems.add(`mapping: ${needs(layer)}; ${quoted(named)} has ${shown(named.shapes)}`)
      free.delete(named)
    } else if (!free.has(named)) problems.add(`mapping: '${name}' is given to more than one layer`)
    else take(layer, named)
  }
  for (const same of new Set(open.map(signature))) {
    const group = open.filter((layer) => signature(layer) === same)
    const fitting = [...free].filter((module) => signature(module) === same)
    const rest = group.filter((layer) => {
      const called = fitting.filter((module) => layer.isNamed && isCalled(module, layer.name))
      if (called.length === 1) take(layer, called[0] as Module)
      return called.length !== 1
    })
    const candidates = fitting.filter((module) => free.has(module))
    if (rest.length === candidates.length && (rest.length === 1 || areNumbered(candidates))) {
      candidates.sort(byNumbers)
      for (const [index, layer] of rest.entries()) take(layer, candidates[index] as Module)
      continue
    }
    for (const layer of rest) problems.add(`${needs(layer)}; ${choice(layer, candidates)}`)
    // They have been told.
    if (rest.length > 0) for (const module of candidates) free.delete(module)
  }
  for (const module of free) {
    problems.add(
      `${quoted(module)}, ${shown(module.shapes)}, belongs to no layer; with ignore: ['${module.name || Object.keys(module.shapes)[0]}'] it is left out`,
    )
  }
  return found
}

function choice(layer: Wanted, candidates: readonly Found[]): string {
  if (candidates.length === 0) return 'nothing in the file has these'
  const names = candidates.map(quoted).join(', ')
  return `${names} could be it; say which by mapping: { '${layer.name}': '${candidates[0]?.name}' }`
}

/** What has the same is taken to be the same. */
const signature = ({ shapes }: { readonly shapes: NamedShapes }): string =>
  JSON.stringify(Object.entries(shapes).sort(([a], [b]) => (a < b ? -1 : 1)))

const needs = ({ name, className, shapes }: Wanted): string => `'${name}' (${className}) needs ${shown(shapes)}`

const quoted = ({ name }: Found): string => (name === '' ? 'the module without a name' : `'${name}'`)

/** `weight [3, 4], bias [3]` */
const shown = (shapes: NamedShapes): string =>
  Object.entries(shapes)
    .map(([name, shape]) => `${name} ${showShape(shape)}`)
    .join(', ')

/** Whether a module has a name, or a prefix and that name. */
const isCalled = (module: Found, name: string): boolean => module.name === name || module.name.endsWith(`.${name}`)

/** Whether names differ in their numbers alone. */
const areNumbered = (modules: readonly Found[]): boolean =>
  new Set(modules.map(({ name }) => name.replace(/\d+/g, '#'))).size === 1

/** Sorts modules whose names differ in numbers alone. */
export function byNumbers(a: Found, b: Found): number {
  const numbers = ({ name }: Found) => [...name.matchAll(/\d+/g)].map(([digits]) => Number(digits))
  const [left, right] = [numbers(a), numbers(b)]
  const at = left.findIndex((number, index) => number !== right[index])
  return (left[at] ?? 0) - (right[at] ?? 0)
}
