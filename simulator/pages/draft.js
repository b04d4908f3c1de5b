// Keeps what is typed in the box of an answer: in this browser at once, on the server every few seconds. Each window
// has a copy of its own for each turn, so that none writes over another's; nothing of it is in an address.
const TICK_MS = 500
const HAND_ON_MS = 6000
const LEAVING_MS = 100
const MOST_HANDED = 4
const PREFIX = "draft/"
const LIFE = performance.timeOrigin // tells this load of the page from those before it

// A browser may refuse to keep anything; then the server's copy is the only one.
const allowed = (act, otherwise) => {
  try {
    return act()
  } catch {
    return otherwise
  }
}
const windowName = allowed(
  () => (sessionStorage.draftWindow ??= `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`),
  String(LIFE),
)
const placeOf = (data) => `${PREFIX}${data.interview}/${data.turn}/${windowName}`
const forget = (name) => allowed(() => localStorage.removeItem(name))
const copies = () =>
  allowed(() => Object.keys(localStorage).filter((name) => name.startsWith(PREFIX)), []).flatMap((name) => {
    const [, interview, turn, owner] = name.split("/")
    const copy = allowed(() => JSON.parse(localStorage.getItem(name)))
    return copy ? [{ name, interview, turn, own: owner === windowName, ...copy }] : []
  })

const joined = (kept, typed) =>
  kept.includes(typed) ? kept : typed.includes(kept) ? typed : `${kept}\n\n${typed}`

const tidy = (data) => {
  for (const copy of copies()) {
    const past = copy.interview === data.interview && copy.turn !== data.turn
    const over = past && (data.sent.includes(copy.id) || (copy.own && (copy.life === LIFE || !copy.text.trim())))
    if (over || !data.open.includes(copy.interview)) forget(copy.name)
  }
}

// What belongs in a box that has just appeared: the newer of the server's words and the browser's, and what this
// window typed for an earlier turn and never sent. Where it cannot be told which is newer, both.
const found = (data, inBox) => {
  const own = copies().filter((copy) => copy.interview === data.interview)
  const here = own.filter((copy) => copy.turn === data.turn).sort((one, other) => other.typed - one.typed)
  const newest = here.find((copy) => copy.own) ?? here[0]
  const left = own.filter((copy) => copy.own && copy.turn !== data.turn)
  const handed = newest?.handed ?? []
  let text = data.draft
  if (newest) text = handed.includes(text) ? newest.text : joined(text, newest.text)
  for (const copy of left) text = joined(text, copy.text)
  if (inBox !== data.draft && !handed.includes(inBox)) text = joined(text, inBox)
  return { text, handed, left }
}

const put = (box, text) => {
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, text)
  box.dispatchEvent(new Event("input", { bubbles: true }))
  // A box hands on what is in it when it is left; it is told so without taking the cursor from where it is.
  setTimeout(() => box.dispatchEvent(new FocusEvent("focusout", { bubbles: true })), LEAVING_MS)
}

const write = (data, state) =>
  allowed(() =>
    localStorage.setItem(
      placeOf(data),
      JSON.stringify({ text: state.text, typed: Date.now(), handed: state.handed, id: data.id, life: LIFE }),
    ),
  )

const noteHanded = (state, text) => {
  if (state.handed.at(-1) !== text) state.handed = [...state.handed, text].slice(-MOST_HANDED)
}

const begin = (box, data) => {
  const { text, handed, left } = found(data, box.value)
  const now = performance.now()
  const state = { box: data.box, text, handed, last: data.draft, number: data.taken, since: now }
  noteHanded(state, data.draft)
  if (text !== box.value) put(box, text)
  if (text) write(data, state)
  for (const copy of left) forget(copy.name)
  box.addEventListener("input", () => {
    if (box.draft !== state || box.value === state.text) return
    state.text = box.value
    write(data, state)
  })
  state.back = Boolean(text.trim())
  return state
}

// Called anew whenever the server says what it has taken; what is known of a box stays with the box.
export default function ({ parentElement, data, setTriggerValue }) {
  const place = parentElement.querySelector(".back")
  clearInterval(place.timer)
  tidy(data)
  if (!data.box) return undefined

  const tick = () => {
    const box = document.querySelector(`.st-key-${CSS.escape(data.box)} textarea`)
    if (!box) return
    if (box.draft?.box !== data.box) box.draft = begin(box, data)
    const state = box.draft
    const now = performance.now()
    place.textContent = state.back ? data.back : ""
    if (document.activeElement !== box) noteHanded(state, state.text) // the box itself has handed it on
    if (state.text === state.last && state.number <= data.taken) {
      state.since = now
    } else if (now - state.since >= HAND_ON_MS) {
      Object.assign(state, { since: now, last: state.text, number: state.number + 1 })
      noteHanded(state, state.text)
      write(data, state)
      setTriggerValue("typed", { number: state.number, text: state.text })
    }
  }
  place.timer = setInterval(tick, TICK_MS)
  tick()
  return () => clearInterval(place.timer)
}
