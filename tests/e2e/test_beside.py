"""What a figure is to be doubted by: the load of the machine and the jobs that ran meanwhile."""
from gpu_lab import cail
from lab import until


def held(lab):
    go = lab.work / f"go{len(list(lab.work.iterdir()))}"
    job = lab.script(f"echo up; while [ ! -e {go} ]; do sleep 0.05; done")
    until(lambda: lab.output(job) == b"up\n")
    return job, go


def provenance(lab, job):
    return lab.read(f"/jobs/{job}/provenance")["attempts"][-1]["provenance"]


def test_jobs_that_overlap_are_named_on_both_sides(labs):
    lab = labs("--set", "jobs.cpus=4").start()
    long, go = held(lab)
    before = lab.end_of(lab.command("echo", "a"))["id"]
    other, go2 = held(lab)
    go2.touch()
    lab.end_of(other)
    go.touch()
    lab.end_of(long)
    after = lab.end_of(lab.command("echo", "b"))["id"]
    told = provenance(lab, long)
    assert told["other_jobs"] == [before, other] and told["other_jobs_count"] == 2
    assert isinstance(told["load_1m_at_start"], (int, float)) and isinstance(told["load_1m_at_end"], (int, float))
    assert "governor" in told
    assert provenance(lab, other)["other_jobs"] == provenance(lab, before)["other_jobs"] == [long]
    assert provenance(lab, after)["other_jobs"] == []
    shown = cail(lab, "show", str(long)).stdout
    assert f"beside jobs {before} {other}" in shown and "load " in shown, shown


def test_a_quiet_job_is_alone(labs):
    lab = labs("--set", "jobs.cpus=4").start()
    jobs = [lab.command("echo", "x", needs={"exclusive": "quiet"}) for _ in range(3)]
    for job in jobs:
        lab.end_of(job)
        assert provenance(lab, job)["other_jobs"] == []
