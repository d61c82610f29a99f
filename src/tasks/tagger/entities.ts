import { type ClassMeasures, type MeanMeasures, measures } from '../shared/evaluation.js'

/** How well entities are found; an entity is right if its type and both ends are. */
export interface EntityReport {
  /** Over all entities. */
  readonly entities: MeanMeasures
  /** For each type of entity; `'_'` for those without. */
  readonly entityTypes: readonly ClassMeasures[]
}

/** The parts of a scheme's tag: its position in an entity, and the entity's type. */
interface Part {
  readonly place: string
  readonly type: string
}

/**
 * The position of a tag in an entity, by the letters of all schemes: BILOU's L and U and BMES's M are other names for
 * E, S and I.
 */
const places: Readonly<Record<string, string>> = { B: 'B', I: 'I', M: 'I', E: 'E', L: 'E', S: 'S', U: 'S' }
const untyped = '_'
const outside: Part = { place: 'O', type: untyped }

/** The part of an entity that a tag stands for; undefined for a tag of no scheme. */
function partOf(tag: string): Part | undefined {
  if (tag === 'O') return outside
  const place = places[tag[0] ?? '']
  if (place === undefined || (tag.length > 1 && tag[1] !== '-')) return undefined
  return { place, type: tag.slice(2) || untyped }
}

/**
 * Whether tags mark entities by a scheme: BIO (also its first form, IOB), BIOES, BILOU or BMES, with types after a
 * hyphen or without.
 */
export function markEntities(tags: readonly string[]): boolean {
  const parts = tags.map(partOf)
  const inside = parts.some((part) => part !== undefined && part.place !== 'O')
  // Single letters may be anything, such as grades, unless one of them marks the outside or inside of entities.
  const typed = parts.some((part) => part !== undefined && part.type !== untyped)
  const known = typed || tags.includes('O') || (tags.includes('B') && (tags.includes('I') || tags.includes('E')))
  return inside && known && parts.every((part) => part !== undefined)
}

/**
 * The entities of a sequence of tags, as `type start end`; one that begins in the middle, such as I without B, counts,
 * too, as in conlleval.
 */
function entitiesOf(tags: readonly string[]): string[] {
  const found: string[] = []
  let start = 0
  let before = outside
  for (const [step, tag] of [...tags, 'O'].entries()) {
    const part = partOf(tag) ?? outside
    if (before.place !== 'O' && ends(before, part)) found.push(`${before.type}\t${start}\t${step - 1}`)
    if (part.place !== 'O' && (before.place === 'O' || ends(before, part))) start = step
    before = part
  }
  return found
}

/** Whether an entity ends between two tags of which the first is in one. */
function ends(before: Part, part: Part): boolean {
  if (before.place === 'E' || before.place === 'S' || before.type !== part.type) return true
  return part.place === 'B' || part.place === 'S' || part.place === 'O'
}

/** Compares the entities of sequences of tags with the true ones. */
export function entityReport(pairs: Iterable<readonly [readonly string[], readonly string[]]>): EntityReport {
  const counts = new Map<string, { right: number; found: number; support: number }>()
  const of = (entity: string) => {
    const type = entity.slice(0, entity.indexOf('\t'))
    const known = counts.get(type) ?? { right: 0, found: 0, support: 0 }
    counts.set(type, known)
    return known
  }
  for (const [truth, predicted] of pairs) {
    const expected = new Set(entitiesOf(truth))
    for (const entity of expected) of(entity).support++
    for (const entity of entitiesOf(predicted)) {
      of(entity).found++
      if (expected.has(entity)) of(entity).right++
    }
  }
  const types = [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
  const sum = (part: 'right' | 'found' | 'support') => types.reduce((total, [, each]) => total + each[part], 0)
  return {
    entities: measures(sum('right'), sum('found'), sum('support')),
    entityTypes: types.map(([label, { right, found, support }]) => ({
      label,
      ...measures(right, found, support),
      support,
    })),
  }
}
