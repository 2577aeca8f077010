"""Sessions, their bookings and their threads."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.house import APPEND_ONLY, KEPT, protect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "topic_session",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tz", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("link", sa.String(), nullable=True),
        sa.Column("trainer_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=True),
        sa.Column("capacity", sa.SmallInteger(), nullable=False),
        sa.Column("offer_hours", sa.SmallInteger(), nullable=False),
        sa.Column("seats_taken", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(state = 'cancelled') = (cancelled_at IS NOT NULL)",
            name=op.f("ck_topic_session_cancelled_at_moment"),
        ),
        sa.CheckConstraint(
            "(state = 'cancelled') = (reason IS NOT NULL)",
            name=op.f("ck_topic_session_cancelled_for_reason"),
        ),
        sa.CheckConstraint("capacity BETWEEN 1 AND 1000", name=op.f("ck_topic_session_capacity")),
        sa.CheckConstraint(
            "char_length(title) BETWEEN 3 AND 200", name=op.f("ck_topic_session_title_length")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_topic_session_end_after_start")),
        sa.CheckConstraint(
            "offer_hours BETWEEN 1 AND 336", name=op.f("ck_topic_session_offer_hours")
        ),
        sa.CheckConstraint(
            "place IS NOT NULL OR link IS NOT NULL", name=op.f("ck_topic_session_somewhere")
        ),
        sa.CheckConstraint(
            "seats_taken BETWEEN 0 AND capacity", name=op.f("ck_topic_session_seats_for_all")
        ),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_topic_session_sequence_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "course_id"],
            ["onboarding.course.organization_id", "onboarding.course.id"],
            name=op.f("fk_topic_session_organization_id_course_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_topic_session")),
        schema="onboarding",
    )
    op.create_index(
        "ix_topic_session_course",
        "topic_session",
        ["organization_id", "course_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_topic_session_start",
        "topic_session",
        ["organization_id", "starts_at", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "ix_topic_session_trainer",
        "topic_session",
        ["organization_id", "trainer_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_table(
        "booking",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("booked_by", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "booked",
                "waitlisted",
                "offered",
                "lapsed",
                "attended",
                "no_show",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
                schema="onboarding",
            ),
            nullable=False,
        ),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("attendance_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attendance_by", sa.Uuid(), nullable=True),
        sa.Column(
            "completed_assignments",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="[]",
            nullable=False,
        ),
        sa.CheckConstraint(
            "(state = 'cancelled') = (cancelled_at IS NOT NULL)",
            name=op.f("ck_booking_cancelled_at_moment"),
        ),
        sa.CheckConstraint(
            "(state IN ('attended', 'no_show')) = (attendance_at IS NOT NULL)",
            name=op.f("ck_booking_attendance_at_moment"),
        ),
        sa.CheckConstraint(
            "state <> 'offered' OR expires_at IS NOT NULL", name=op.f("ck_booking_offer_expires")
        ),
        sa.CheckConstraint(
            "state = 'attended' OR completed_assignments = '[]'",
            name=op.f("ck_booking_completed_by_attending"),
        ),
        sa.CheckConstraint(
            "(attendance_at IS NULL) = (attendance_by IS NULL)",
            name=op.f("ck_booking_attendance_by_somebody"),
        ),
        sa.CheckConstraint(
            "attendance_by <> person_id", name=op.f("ck_booking_nobody_takes_their_own_attendance")
        ),
        sa.CheckConstraint("expires_at > offered_at", name=op.f("ck_booking_offer_lasts")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_booking_number_from_one")),
        sa.ForeignKeyConstraint(
            ["organization_id", "session_id"],
            ["onboarding.topic_session.organization_id", "onboarding.topic_session.id"],
            name=op.f("fk_booking_organization_id_session_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_booking")),
        sa.UniqueConstraint(
            "organization_id",
            "session_id",
            "number",
            name=op.f("uq_booking_organization_id_session_id_number"),
        ),
        schema="onboarding",
    )
    op.create_index(
        "ix_booking_expiry",
        "booking",
        ["organization_id", "expires_at"],
        unique=False,
        schema="onboarding",
        postgresql_where=sa.text("state = 'offered'"),
    )
    op.create_index(
        "ix_booking_person",
        "booking",
        ["organization_id", "person_id", "id"],
        unique=False,
        schema="onboarding",
    )
    op.create_index(
        "uq_booking_current",
        "booking",
        ["organization_id", "session_id", "person_id"],
        unique=True,
        schema="onboarding",
        postgresql_where=sa.text("state NOT IN ('lapsed', 'cancelled')"),
    )
    op.create_table(
        "session_post",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("links", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "session_id"],
            ["onboarding.topic_session.organization_id", "onboarding.topic_session.id"],
            name=op.f("fk_session_post_organization_id_session_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_session_post")),
        schema="onboarding",
    )
    op.create_index(
        "ix_session_post_session",
        "session_post",
        ["organization_id", "session_id", "id"],
        unique=False,
        schema="onboarding",
    )
    protect("onboarding", "topic_session", KEPT)
    protect("onboarding", "booking", KEPT)
    protect("onboarding", "session_post", APPEND_ONLY)
    # Whatever the program does, booked and offered seats never pass the capacity: this counts, and seats_for_all refuses.
    op.execute("""
CREATE FUNCTION onboarding.count_seats() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    seats constant text[] := ARRAY['booked', 'offered', 'attended', 'no_show'];
    given integer := 0;
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.state = ANY(seats) THEN
        given := given - 1;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.state = ANY(seats) THEN
        given := given + 1;
    END IF;
    -- What is shown of the session changes also where somebody only waits: so does its ETag.
    UPDATE onboarding.topic_session
    SET seats_taken = seats_taken + given, version = version + 1, updated_at = now()
    WHERE organization_id = coalesce(NEW.organization_id, OLD.organization_id)
        AND id = coalesce(NEW.session_id, OLD.session_id);
    RETURN NULL;
END
$$""")
    op.execute(
        "CREATE TRIGGER count_seats AFTER INSERT OR DELETE OR UPDATE OF state "
        "ON onboarding.booking FOR EACH ROW EXECUTE FUNCTION onboarding.count_seats()"
    )
    # A booking stays where and whose it is; what was given up or has lapsed stays so.
    op.execute("""
CREATE FUNCTION onboarding.keep_booking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.session_id, NEW.person_id, NEW.number) <> (OLD.session_id, OLD.person_id, OLD.number)
        OR (OLD.state IN ('lapsed', 'cancelled') AND NEW.state <> OLD.state) THEN
        RAISE EXCEPTION 'booking % is % and stays where it is', OLD.id, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_stays';
    END IF;
    RETURN NEW;
END
$$""")
    op.execute(
        "CREATE TRIGGER booking_stays BEFORE UPDATE "
        "ON onboarding.booking FOR EACH ROW EXECUTE FUNCTION onboarding.keep_booking()"
    )
