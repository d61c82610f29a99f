import type { Check, OptionRules } from './options.js'
import { checkOptions, custom, flag, integer, number, oneOf, positive } from './options.js'

/** A setting as `table.ts` describes it. */
export interface Setting {
  readonly type: 'number' | 'integer' | 'axis' | 'flag' | 'text' | 'name' | 'list' | 'other'
  /** The allowed names, or the type of a list's elements. */
  readonly of?: readonly string[] | Setting
  readonly optional?: boolean
  /** Bounds of numbers: the least value, and exclusive lower and upper bounds. */
  readonly least?: number
  readonly above?: number
  readonly below?: number
  /** The default; without one, the setting is required unless it is optional. */
  readonly default?: number | boolean | string | readonly unknown[]
}

/** Settings by name. */
export type Settings = Readonly<Record<string, Setting>>

type ValueOf<S> = S extends { readonly type: 'number' | 'integer' | 'axis' }
  ? number
  : S extends { readonly type: 'flag' }
    ? boolean
    : S extends { readonly type: 'text' }
      ? string
      : S extends { readonly type: 'name'; readonly of: readonly (infer Name)[] }
        ? Name
        : S extends { readonly type: 'list'; readonly of: infer Entry }
          ? readonly (ValueOf<Entry> | (Entry extends { readonly optional: true } ? null : never))[]
          : unknown

type Free<S> = { [K in keyof S]: S[K] extends { optional: true } | { default: unknown } ? K : never }[keyof S]

/** Values of settings, all present except optional ones. */
export type ValuesOf<S> = {
  readonly [K in keyof S as S[K] extends { optional: true } ? never : K]: ValueOf<S[K]>
} & { readonly [K in keyof S as S[K] extends { optional: true } ? K : never]?: ValueOf<S[K]> }

/** Values of settings as given: optional ones and those with a default may be missing. */
export type GivenOf<S> = { readonly [K in Exclude<keyof S, Free<S>>]: ValueOf<S[K]> } & {
  readonly [K in Free<S>]?: ValueOf<S[K]> | undefined
}

/** What other parts of Seqloom make. */
const unchecked = custom('as Seqloom writes it', () => true)

/** The check of a setting. */
export function checkOf(setting: Setting): Check {
  const { type, of, least, above, below } = setting
  switch (type) {
    case 'number':
      return above === 0 ? positive : number(least, below)
    case 'integer':
      return integer(least ?? 0)
    case 'axis':
      return integer(0, 7)
    case 'flag':
      return flag
    case 'name':
      return oneOf(of as readonly string[])
    case 'list': {
      const { type: each } = of as Setting
      const texts = (value: unknown) => Array.isArray(value) && value.every((entry) => typeof entry === 'string')
      return each === 'text' ? custom('an array of strings', texts) : unchecked
    }
    default:
      return unchecked
  }
}

/** Checks options and fills in the defaults of those that are not given. `ERR_OPTION` and `ERR_UNSUPPORTED`. */
export function readSettings(
  where: string,
  options: object,
  settings: Settings,
  {
    others = {},
    refused,
  }: { readonly others?: OptionRules['accepted']; readonly refused?: OptionRules['refused'] } = {},
): Record<string, unknown> {
  const own = Object.entries(settings)
  const accepted = { ...others, ...Object.fromEntries(own.map(([name, setting]) => [name, checkOf(setting)])) }
  checkOptions(where, options, { accepted, ...(refused && { refused }) })
  const defaults = own.flatMap(([name, setting]) => (setting.default === undefined ? [] : [[name, setting.default]]))
  const given = Object.entries(options).filter(([name, value]) => value !== undefined && Object.hasOwn(accepted, name))
  return Object.fromEntries([...defaults, ...given])
}
