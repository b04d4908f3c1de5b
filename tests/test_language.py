"""English is told from what is not, on whole answers and on scraps."""

import json

import pytest

from evals.cases import FOLDER
from simulator.language import is_english

FOREIGN = [
    "Im zweiten Quartal war unser Projekt drei Wochen zu spät, und ich habe die Ursache in den Logs gefunden.",
    "En el segundo trimestre nuestro proyecto tenía tres semanas de retraso, y hablé con el equipo de pagos.",
    "Au deuxième trimestre notre projet avait trois semaines de retard, et j'ai trouvé la cause dans les journaux.",
    "Dusri timaahi mein hamara project teen hafte late tha, maine team se baat ki aur logs mein wajah dhoondi.",
    "Wij waren drie weken te laat met het project en ik heb met het team gesproken over de oorzaak.",
    "Во втором квартале проект опаздывал.",
    "プロジェクトは三週間遅れていました。",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_another_language_is_not_english(text: str) -> None:
    assert not is_english(text)


@pytest.mark.parametrize("text", ["Maria, our head of legal.", "Jira, Looker, BigQuery.", "Três.", "4% to 1%"])
def test_a_scrap_in_latin_letters_is_given_the_benefit_of_the_doubt(text: str) -> None:
    assert is_english(text)


@pytest.mark.parametrize("split", ["train", "dev"])
def test_every_labelled_answer_is_english_whatever_its_style(split: str) -> None:
    for line in (FOLDER / "answers" / f"{split}.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        text = " ".join(turn["text"] for turn in record["turns"] if turn["role"] == "candidate")
        assert is_english(text) or record["flags"]["flag.off_topic"], record["id"]
