from collector.cli.operate.archive_verify import verification_words
from collector.jobs.archive_verification import Finding, Verdict, Verification


def test_what_to_do_follows_what_is_wrong() -> None:
    """Damage and strangers each have their own advice; without either there is none."""
    sound, damaged = Verdict("a", 1_000_000), Verdict("b", 1, Finding.OTHER_BYTES, "has other bytes")
    foreign = Verdict("c", 1, Finding.FOREIGN, "is not in the manifest")
    archive = "run: collector archive; it writes damaged and missing objects anew while the database has their bars"
    restore = (
        "what is not in the manifest: run collector archive restore if an earlier database wrote it, "
        "else move it out of the archive"
    )
    one, are = "1 object of 1.0 MB in /there is what was archived", "2 are not"
    for wrong, told in (
        ([], [one]),
        ([damaged], ["b  has other bytes", one, "1 is not", archive]),
        ([foreign], ["c  is not in the manifest", one, "1 is not", restore]),
        ([damaged, foreign], ["b  has other bytes", "c  is not in the manifest", one, are, archive, restore]),
    ):
        assert list(verification_words(Verification("/there", (sound, *wrong)))) == told
    assert list(verification_words(Verification("/there", (sound, sound)))) == [
        "2 objects of 2.0 MB in /there are what was archived"
    ]
