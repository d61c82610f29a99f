import { SeqloomError } from '../errors.js'
import { choice, type Dimension, integer, logUniform, type Space, uniform, type Value } from '../search/index.js'
import { flagOf, type Option, type OptionTable } from '../tasks/shared/option.js'

/** Reads what options of these tables may be: `units=32,64`, `dropout=0..0.5`, `learning-rate=1e-4..1e-2:log`. `ERR_OPTION`. */
export function spaceOf(given: readonly string[], tables: readonly OptionTable[]): Space {
  const known = tables.flatMap(({ all }) => Object.entries(all))
  const space: Record<string, Dimension> = {}
  for (const text of given) {
    const [, flag = '', values = ''] = /^(?:--)?([\w-]+)=(.+)$/s.exec(text) ?? []
    const found = known.find(([name, option]) => kebab(flagOf(name, option)?.name ?? '') === kebab(flag) && flag !== '')
    if (!found) {
      const names = known.flatMap(([name, option]) => kebab(flagOf(name, option)?.name ?? '') || [])
      throw wrong(text, `an option of the task with values, such as units=32,64; the options are ${names.join(', ')}`)
    }
    const [name, option] = found
    if (Object.hasOwn(space, name)) throw wrong(text, 'each option once')
    space[name] = dimension(text, values, option)
  }
  return space
}

const range = /^([^,]+?)\.\.([^,]+?)(:log)?$/

function dimension(text: string, values: string, option: Option): Dimension {
  const read = option.values.flag?.read
  const found = range.exec(values)
  if (!found) return choice(values.split(',').map((each) => valueFor(text, each, option)))
  const [low = Number.NaN, high = Number.NaN] = [found[1], found[2]].map((each) =>
    Number(read?.(each as string, undefined)),
  )
  if (Number.isNaN(low) || Number.isNaN(high)) throw wrong(text, 'two numbers, or values between commas')
  const log = found[3] !== undefined
  // An option that takes no fractions is one of whole numbers.
  const whole = Number.isInteger(low) && Number.isInteger(high) && !option.values.accepts(low + 0.5)
  if (whole) return integer(low, high, { log })
  return log ? logUniform(low, high) : uniform(low, high)
}

function valueFor(text: string, each: string, { values }: Option): Value {
  const { flag } = values
  if (flag?.name === undefined) {
    if (each === 'true' || each === 'false') return each === 'true'
    throw wrong(text, 'true or false')
  }
  const value = flag.read ? flag.read(each, undefined) : each
  if (values.accepts(value)) return value as Value
  throw wrong(text, values.expected)
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const wrong = (text: string, expected: string) =>
  new SeqloomError('ERR_OPTION', `--space ${text}: expected ${expected}`)
