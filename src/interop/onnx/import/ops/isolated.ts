import type { Call } from '../call.js'
import { arranged } from '../layout.js'
import { type Atom, type Axes, type Computed, unsupported } from '../values.js'

/** The value with one axis of ours for an axis of ONNX; `place` is its number. */
export function isolated(call: Call, x: Computed, axis: number): { readonly value: Computed; readonly place: number } {
  const atoms = x.logical[axis] as readonly Atom[]
  if (atoms.some(({ batch }) => batch)) throw unsupported(`it works along the batch (axis ${axis})`)
  const set = new Set(atoms)
  const present = new Set(x.physical.flat())
  const rest = (part: readonly Atom[]) => part.filter((atom) => !set.has(atom))
  const at = x.physical.findIndex((part) => part.some((atom) => set.has(atom)))
  const together = x.physical.find(
    (part) => atoms.length > 0 && part.length === atoms.length && part.every((atom, k) => atom === atoms[k]),
  )
  if (together) return { value: x, place: x.physical.indexOf(together) }
  const physical: Axes = [
    ...x.physical.slice(0, Math.max(at, 1)).map(rest),
    ...(at < 0 ? [] : [rest(x.physical[at] as readonly Atom[])]),
    atoms,
    ...x.physical.slice(Math.max(at + 1, 1)).map(rest),
  ].filter((part, k) => k === 0 || part === atoms || part.length > 0)
  const place = physical.indexOf(atoms)
  const all = atoms.every((atom) => present.has(atom))
  const ref = arranged(call.builder, x, physical, !all)
  return { value: { ...x, ref, physical }, place }
}
