// Answers questions about short generated stories, with names and places that occur in no training story.
//
//   node examples/stories.mjs [stories to train on] [epochs] [seed]
//
// With one supporting fact, the answer is where somebody went last; with two, it is where the person who last took a
// thing is. The idea of the stories is from Weston et al. 2015 (arXiv 1502.05698).
import { tasks } from 'seqloom'

const count = Number(process.argv[2] ?? 10_000)
const epochs = Number(process.argv[3] ?? 20)
const seed = Number(process.argv[4] ?? 1)

const seen = {
  names: 'Mary John Sandra Daniel Anna Peter Clara Hugo Emma Oscar Nora Felix Ruth Simon Lucy Max'.split(' '),
  places: 'kitchen garden bathroom office bedroom hallway cellar attic park school library barn'.split(' '),
}
const unseen = {
  names: 'Priya Kenji Amara Lars Zoe Tariq Ines Bruno'.split(' '),
  places: 'lighthouse market station museum forest harbour bakery chapel'.split(' '),
}
const things = 'ball book lamp apple coat key cup letter'.split(' ')
const moves = ['went to', 'moved to', 'walked to', 'travelled to']

let state = seed
const below = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * n)
}
const oneOf = (list) => list[below(list.length)]
function some(list, n) {
  const rest = [...list]
  return Array.from({ length: n }, () => rest.splice(below(rest.length), 1)[0])
}

/** A story of people who move and, with two facts, carry things. */
function story({ names, places }, facts) {
  const [people, rooms] = [some(names, 3), some(places, 4)]
  const carried = some(things, facts - 1 ? 2 : 0)
  const [whereIs, holder, sentences] = [new Map(), new Map(), []]
  const move = (who) => {
    const place = oneOf(rooms)
    whereIs.set(who, place)
    sentences.push(`${who} ${oneOf(moves)} the ${place}.`)
  }
  const take = (thing) => {
    const who = oneOf(people)
    holder.set(thing, who)
    sentences.push(`${who} ${oneOf(['took', 'grabbed'])} the ${thing}.`)
  }
  for (const who of people) move(who)
  for (const thing of carried) take(thing)
  for (let more = 2 + below(4); more > 0; more--) {
    if (facts === 2 && below(4) === 0) take(oneOf(carried))
    else move(oneOf(people))
  }
  const asked = facts === 2 ? oneOf(carried) : oneOf(people)
  const question = facts === 2 ? `Where is the ${asked}?` : `Where is ${asked}?`
  return { story: sentences.join(' '), question, answer: whereIs.get(facts === 2 ? holder.get(asked) : asked) }
}

for (const facts of [1, 2]) {
  const training = Array.from({ length: count }, () => story(seen, facts))
  const heldOut = Array.from({ length: 500 }, () => story(unseen, facts))
  const answerer = new tasks.QuestionAnswerer({ units: 48, embedding: 48, hops: facts, seed })
  const started = performance.now()
  await answerer.train(training, {
    epochs,
    learningRate: 0.003,
    onEpoch: ({ epoch, loss, valLoss }) =>
      console.log(`epoch ${epoch}  loss ${loss.toFixed(3)}  validation loss ${valLoss.toFixed(3)}`),
  })
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  const { accuracy } = await answerer.evaluate(heldOut)
  const what = facts === 1 ? 'one supporting fact' : 'two supporting facts'
  console.log(
    `${what}: ${(100 * accuracy).toFixed(1)} % of 500 questions with new names and places right (${seconds} s)`,
  )
  const [example] = heldOut
  const [answer] = await answerer.predict([example])
  console.log(`\n${example.story}\n${example.question} ${answer.answer} (${(100 * answer.probability).toFixed(1)} %)`)
  const most = [...answer.attention].sort((a, b) => b.weight - a.weight).slice(0, 3)
  console.log(`looked at ${most.map(({ word, weight }) => `${word} ${weight.toFixed(2)}`).join(', ')}\n`)
}
