import {
  follows,
  isOfScheme,
  outside,
  partOf,
  type TagPart,
  type TagScheme,
  tagSchemes,
  untyped,
} from '../../layers/tagScheme.js'
import { type ClassMeasures, type MeanMeasures, measures } from '../shared/evaluation.js'

/** How well entities are found; an entity is right if its type and both ends are. */
export interface EntityReport {
  /** Over all entities. */
  readonly entities: MeanMeasures
  /** For each type of entity; `'_'` for those without. */
  readonly entityTypes: readonly ClassMeasures[]
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

/** Where a sequence breaks a scheme: at this token, or at the end. */
export interface Broken {
  readonly scheme: TagScheme
  readonly row: number
  readonly at: number
}

/**
 * The scheme of tags that mark entities, if all sequences keep to it; or the first that breaks the likeliest. Undefined for
 * tags that mark none.
 */
export function schemeOf(
  names: readonly string[],
  sequences: readonly (readonly string[])[],
): TagScheme | Broken | undefined {
  if (!markEntities(names)) return undefined
  let first: Broken | undefined
  // Of tags that fit both, BIO is likelier than IOB.
  const schemes = ['BIO', ...tagSchemes.filter((scheme) => scheme !== 'BIO')] as readonly TagScheme[]
  for (const scheme of schemes.filter((each) => names.every((tag) => isOfScheme(each, tag)))) {
    const broken = brokenBy(scheme, sequences)
    if (!broken) return scheme
    first ??= broken
  }
  return first
}

function brokenBy(scheme: TagScheme, sequences: readonly (readonly string[])[]): Broken | undefined {
  for (const [row, tags] of sequences.entries()) {
    for (let at = 0; at <= tags.length; at++) {
      if (!follows(scheme, tags[at - 1], tags[at])) return { scheme, row, at }
    }
  }
  return undefined
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
function ends(before: TagPart, part: TagPart): boolean {
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
