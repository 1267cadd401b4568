from __future__ import annotations

import numpy as np
import pytest
from raseed_engine.sampling import CANDIDATES_MAX, LOGPROB_MIN, Sampler, log_probability


def logits(*values: float):
    return np.array(values, np.float32)


def draw(sampler: Sampler, row, times: int = 400) -> list[int]:
    return [sampler.choose(row) for _ in range(times)]


def shares(sampler: Sampler, row, times: int = 4000):
    return np.bincount(draw(sampler, row, times), minlength=row.size) / times


@pytest.mark.parametrize(
    "parameters", [{"temperature": 0.0}, {"temperature": 1e-5}, {"top_k": 1}, {"top_p": 1e-9}, {"top_p": 0.0}]
)
def test_these_are_greedy(parameters):
    assert set(draw(Sampler(seed=1, **parameters), logits(1, 3, 2, 2.9))) == {1}


def test_unrestricted_sampling_follows_the_distribution():
    row = np.log(logits(0.1, 0.6, 0.3))
    assert shares(Sampler(seed=3), row) == pytest.approx([0.1, 0.6, 0.3], abs=0.03)


def test_temperature_sharpens_and_flattens():
    row = np.log(logits(0.25, 0.75))
    assert shares(Sampler(seed=1, temperature=0.5), row) == pytest.approx([0.1, 0.9], abs=0.03)
    assert shares(Sampler(seed=1, temperature=10), row) == pytest.approx([0.473, 0.527], abs=0.03)


def test_top_k_keeps_the_most_likely():
    row = np.log(logits(0.1, 0.5, 0.1, 0.3))
    assert shares(Sampler(seed=2, top_k=2), row) == pytest.approx([0, 0.625, 0, 0.375], abs=0.03)


def test_top_p_keeps_the_shortest_prefix_that_reaches_it():
    row = np.log(logits(0.5, 0.2, 0.3))
    assert set(draw(Sampler(seed=2, top_p=0.5), row)) == {0}
    assert set(draw(Sampler(seed=2, top_p=0.51), row)) == {0, 2}
    assert set(draw(Sampler(seed=2, top_p=0.81), row)) == {0, 1, 2}


def test_tokens_that_a_mask_forbids_are_never_chosen():
    row = logits(-np.inf, 0, -np.inf, 0)
    assert set(draw(Sampler(seed=5), row)) == {1, 3}
    assert set(draw(Sampler(seed=5, top_p=0.9999), row)) <= {1, 3}


def test_a_seed_fixes_the_sequence_and_any_integer_is_one():
    row = logits(*range(10)) / 5
    for seed in (0, 7, -1, 1 << 80):
        assert draw(Sampler(seed=seed), row, 30) == draw(Sampler(seed=seed), row, 30)
    assert draw(Sampler(seed=1), row, 30) != draw(Sampler(seed=2), row, 30)
    assert draw(Sampler(), row, 30) != draw(Sampler(), row, 30)


def test_ties_fall_the_same_way_however_large_the_vocabulary():
    row = np.zeros(4 * CANDIDATES_MAX, np.float32)
    assert draw(Sampler(seed=1, top_k=5), row, 50) == draw(Sampler(seed=1, top_k=5), row.copy(), 50)


def test_huge_logits_do_not_overflow():
    assert set(draw(Sampler(seed=1), logits(3e38, -3e38))) == {0}


def test_a_bias_makes_a_token_likelier_or_impossible():
    row = logits(1, 3, 2)
    assert set(draw(Sampler(seed=1, temperature=0, logit_bias={0: 5.0}), row)) == {0}
    assert 1 not in draw(Sampler(seed=1, logit_bias={1: -100.0}), row)
    assert row.tolist() == [1, 3, 2]


def test_penalties_count_what_was_chosen():
    row = logits(1, 3, 2.5)
    assert draw(Sampler(temperature=0, presence_penalty=1), row, 4) == [1, 2, 1, 1]
    assert draw(Sampler(temperature=0, frequency_penalty=1), row, 5) == [1, 2, 1, 2, 0]
    assert draw(Sampler(temperature=0, presence_penalty=-2), row, 3) == [1, 1, 1]
    assert row.tolist() == [1, 3, 2.5]


def test_log_probabilities_are_the_models_own():
    row = np.log(logits(0.5, 0.2, 0.3))
    own, top = log_probability(row, 1, 2)
    assert own == pytest.approx(np.log(0.2), abs=1e-6)
    assert [token for token, _ in top] == [0, 2]
    assert [value for _, value in top] == pytest.approx(np.log([0.5, 0.3]), abs=1e-6)
    assert log_probability(logits(0, -np.inf), 1, 0) == (LOGPROB_MIN, [])
