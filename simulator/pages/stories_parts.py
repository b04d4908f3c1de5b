"""What the sections of the stories page share: their words, and the names by which stories and tellings are shown."""

from datetime import datetime
from functools import partial
from pathlib import Path

from simulator.pages.shell import words_of
from simulator.stories.bank import StoryBank
from simulator.stories.story import Story, completeness, excess

STORY = "story"
"""The part of the address that names the open story."""
words = partial(words_of, Path(__file__).parent / "stories.words.md")


def title_of(story: Story) -> str:
    return story.title.strip() or words("untitled")


def topic_of(topic: str) -> str:
    """A topic of the question bank as it is shown."""
    return topic.replace("-", " ").capitalize()


def missing_words(story: Story) -> str:
    """What is missing in a story, and what there is too much of, in words."""
    lacks, too_many = completeness(story), excess(story)
    told = [words("missing", parts=", ".join(words(f"part {one}") for one in lacks)) if lacks else words("complete")]
    return " ".join(told + [words(f"too many {one}") for one in too_many])


def labels_of(bank: StoryBank) -> dict[str, str]:
    """The name of every story, interview and answer, by its source: `story/ID`, `interview/ID`, `interview/ID/N`."""
    names = {f"story/{one.id}": words("label story", title=title_of(one)) for one in bank.stories()}
    companies = bank.conductor.library.companies
    for one in bank.conductor.records.interviews.summaries():
        when = datetime.fromisoformat(one.started).astimezone().strftime("%d %b %Y, %H:%M")
        company = companies[one.company].name if one.company in companies else one.company
        names[f"interview/{one.id}"] = words("label interview", company=company, when=when)
    for interview in bank.interviews():
        source = f"interview/{interview.id}"
        for number in range(len(interview.exchanges)):
            names[f"{source}/{number}"] = words("label answer", interview=names[source], number=number + 1)
    return names
