import { type Check, checkOptions, given } from '../../options.js'

/** The values that an option takes: a check, and how types and the command line name them. */
export interface Values<T> extends Check {
  /** The type in TypeScript. */
  readonly type: string
  /** The name in `type` that must be imported, and from where, relative to `src/tasks`. */
  readonly from?: readonly [name: string, file: string] | undefined
  /** How a flag for it is read; if missing, only programs can give the option. */
  readonly flag?: FlagValues
  /** Never set; it carries the type. */
  readonly of?: T
}

/** The value of a flag. */
export interface FlagValues {
  /** Its name in help, such as `<n>`; missing for booleans. */
  readonly name?: string
  /** Reads it, together with earlier values if a flag is repeated; missing for plain texts. */
  readonly read?: (text: string, before: unknown) => unknown
  /** The check of the value, if it is not that of the option. */
  readonly check?: Check
  /** The texts that it may be. */
  readonly choices?: readonly string[]
}

/** How an option is given on the command line: under another name, or as a required one; `false` if it is not. */
export type Flag = false | { readonly name?: string; readonly needed?: boolean }

/** An option: what it takes, its default, and a sentence that says what it is. */
export interface Option<T = unknown, Default = unknown> {
  readonly values: Values<T>
  readonly initial: Default
  /** The default in words, where it depends on something. */
  readonly otherwise?: string
  readonly sentence: string
  readonly flag?: Flag
}

/** An option with a default. */
export function option<T, const Default extends T>(
  values: Values<T>,
  initial: Default,
  sentence: string,
  flag?: Flag,
): Option<T, Default> {
  return { values, initial, sentence, ...(flag !== undefined && { flag }) }
}

/** An option without a default, or one that depends on something. */
export function optional<T>(
  values: Values<T>,
  sentence: string,
  otherwise?: string,
  flag?: Flag,
): Option<T, undefined> {
  return {
    ...{ values, initial: undefined, sentence },
    ...(otherwise !== undefined && { otherwise }),
    ...(flag !== undefined && { flag }),
  }
}

type Options = Readonly<Record<string, Option>>

/** The names of options that have a default. */
type Defaulted<All extends Options> = {
  [Name in keyof All]: All[Name]['initial'] extends undefined ? never : Name
}[keyof All]

/** Given options together with the defaults. */
export type SettingsOf<Given, Table> =
  Table extends OptionTable<infer All> ? Given & Required<Pick<Given, Defaulted<All> & keyof Given>> : never

/**
 * The options of a call, each declared once. The run-time check and the defaults, the flags of the command line, the
 * interface that users see (`optionTypes.ts`) and the tables of docs/options.md come from it.
 */
export class OptionTable<const All extends Options = Options> {
  /** The interface's name, and what it is. */
  constructor(
    readonly name: string,
    readonly sentence: string,
    readonly all: All,
  ) {}

  /** Checks options, some of them otherwise, and fills in the defaults; `ERR_OPTION`. */
  read<Given extends object>(
    where: string,
    options: Given,
    otherwise: Readonly<Record<string, Check>> = {},
  ): SettingsOf<Given, this> {
    const checks = Object.entries(this.all).map(([name, { values }]) => [name, otherwise[name] ?? values])
    checkOptions(where, options, { accepted: Object.fromEntries(checks) })
    const initial = Object.entries(this.all).map(([name, option]) => [name, option.initial])
    return { ...given(Object.fromEntries(initial)), ...given(options) } as SettingsOf<Given, this>
  }
}

/** An option's default in words; nothing if it has none. */
export function defaultOf({ initial, otherwise }: Option): string | undefined {
  if (otherwise !== undefined) return otherwise
  return initial === undefined ? undefined : typeof initial === 'string' ? `'${initial}'` : String(initial)
}

/** The help text of an option: its sentence up to the first colon or full stop, and its default, if it may be left out. */
export function helpOf(option: Option): string {
  const [first = ''] = option.sentence.split(/:(?= |$)|\.(?= [A-Z`]|$)/)
  const plain = /^\w+'s /.test(first) ? first : first.charAt(0).toLowerCase() + first.slice(1)
  const initial = typeof option.flag === 'object' && option.flag.needed ? undefined : defaultOf(option)
  return (initial === undefined ? plain : `${plain}; default: ${initial}`).replaceAll('`', '')
}

/** An option's sentence with its default. */
export function described(option: Option): string {
  const { sentence } = option
  const initial = defaultOf(option)
  const words = typeof option.initial === 'string' ? `\`${initial}\`` : initial
  if (words === undefined) return sentence.endsWith('.') ? sentence : `${sentence}.`
  return sentence.endsWith('.') ? `${sentence} Default ${words}.` : `${sentence}; default ${words}.`
}

/** A flag of the command line. */
export interface OptionFlag {
  /** The flag as help writes it, such as `--units <n>`. */
  readonly flags: string
  /** The flag for the opposite, for options that are not false by default. */
  readonly opposite?: string
  /** In camel case. */
  readonly name: string
  readonly values: FlagValues
  readonly needed: boolean
}

/** The flag of an option of some name, if it has one. */
export function flagOf(name: string, { values, initial, flag }: Option): OptionFlag | undefined {
  if (flag === false || values.flag === undefined) return undefined
  const { name: own = name, needed = false } = flag ?? {}
  const kebab = own.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const found = { name: own, values: values.flag, needed }
  if (values.flag.name !== undefined) return { ...found, flags: `--${kebab} ${values.flag.name}` }
  const [yes, no] = [`--${kebab}`, `--no-${kebab}`]
  return initial === false ? { ...found, flags: yes } : { ...found, flags: yes, opposite: no }
}
